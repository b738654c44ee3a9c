-- Limits on attempts (GCRA), shared by all processes. Unlogged: a crash of the database forgets attempts,
-- which costs nothing, and no attempt waits for a disk.

CREATE UNLOGGED TABLE attempts (
    -- Keyed digest of what is limited: neither addresses nor e-mails are stored.
    subject bytea PRIMARY KEY,
    -- The theoretical arrival time: how far ahead of the clock the attempts have run.
    due     timestamptz NOT NULL
);
CREATE INDEX attempts_due ON attempts (due);
