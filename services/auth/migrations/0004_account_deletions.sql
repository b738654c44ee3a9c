-- Accounts that are to be deleted, and those whose deletion was refused. Goes with the account.

CREATE TABLE account_deletions (
    user_id      uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    -- The saga that sees to it.
    saga_id      uuid NOT NULL UNIQUE,
    requested_at timestamptz NOT NULL,
    -- Null while it is under way.
    refused_as   text
);
