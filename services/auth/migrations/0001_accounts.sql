-- Accounts, their sessions, and the refresh tokens of each session.

CREATE TABLE users (
    id               uuid PRIMARY KEY,
    email            text NOT NULL CONSTRAINT users_email_key UNIQUE,
    full_name        text NOT NULL,
    password_hash    text NOT NULL,
    -- Grows with every change of the password, never with a mere rehash: what was decided by an
    -- older password can tell.
    password_version bigint NOT NULL DEFAULT 1,
    roles            text[] NOT NULL,
    is_active        boolean NOT NULL DEFAULT true,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT users_email_is_lower_case CHECK (email = lower(email) AND length(email) <= 254),
    CONSTRAINT users_roles_are_known CHECK (roles <@ ARRAY['user', 'operator'] AND 'user' = ANY (roles))
);

-- The family of refresh tokens that began with one log-in. A token is good only while its session is.
CREATE TABLE sessions (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    revoked_because text,
    CONSTRAINT sessions_revocation_has_a_reason CHECK (
        (revoked_at IS NULL AND revoked_because IS NULL)
        OR (revoked_at IS NOT NULL AND revoked_because IN ('logged_out', 'token_reused', 'password_changed'))
    )
);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    -- SHA-256 of the token: the table opens no session to whoever reads it.
    token_hash      bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    -- The `jti` of the access token that was issued beside it: leads from a caller to the session.
    access_token_id uuid NOT NULL CONSTRAINT refresh_tokens_access_token_id_key UNIQUE,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz
);
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);
