-- Networks that an account was logged in to from: strangers' guesses do not hinder them. Goes with the account.

CREATE TABLE known_networks (
    -- Keyed digest of account and network: neither addresses nor e-mails are stored.
    subject bytea PRIMARY KEY CHECK (length(subject) = 32),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    seen_at timestamptz NOT NULL
);
CREATE INDEX known_networks_user_id ON known_networks (user_id);
CREATE INDEX known_networks_seen_at ON known_networks (seen_at);
