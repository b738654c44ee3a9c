CREATE TABLE notes (
    id uuid PRIMARY KEY,
    -- The user in auth who wrote it.
    auth_user_id uuid NOT NULL,
    text text NOT NULL,
    created_at timestamptz NOT NULL
);
