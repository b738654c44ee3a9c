-- One row per saga: where it stands.
CREATE TABLE IF NOT EXISTS sagas (
    id            uuid PRIMARY KEY,
    kind          text NOT NULL,
    subject       text NOT NULL,
    status        text NOT NULL,
    -- What it waits for; null at the end. No two waits in a saga's life are the same.
    step          text,
    direction     text,
    attempt       integer,
    -- The attempt from which patience is counted, and when the first one was made.
    counted_from  integer,
    waits_since   timestamptz,
    -- When the sweep moves it on: the end of the attempt, or the saga's deadline while that still counts. Both are put off while no reply can come.
    due_at        timestamptz,
    deadline      timestamptz NOT NULL,
    settled       boolean NOT NULL DEFAULT false,
    data          jsonb NOT NULL,
    cause_code    text,
    cause_message text,
    cause_step    text,
    cause_by      text,
    traceparent   text,
    version       bigint NOT NULL,
    started_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    ended_at      timestamptz
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- Until when the sweep leaves one alone that it could not move. What is late is told by due_at.
ALTER TABLE sagas ADD COLUMN IF NOT EXISTS not_before timestamptz;

-- The command that it waits for a reply to: while that stands in the outbox, no time passes.
ALTER TABLE sagas ADD COLUMN IF NOT EXISTS command_id uuid;

CREATE INDEX IF NOT EXISTS sagas_due ON sagas (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS sagas_needing_attention ON sagas (started_at) WHERE status = 'needs_attention';
DROP INDEX IF EXISTS sagas_subject;
CREATE INDEX IF NOT EXISTS sagas_of_subject ON sagas (subject, started_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS sagas_latest ON sagas (started_at DESC, id DESC);

-- What happened to each saga. Only ever added to, in the statement that changes the saga's row.
CREATE TABLE IF NOT EXISTS saga_history (
    saga_id   uuid NOT NULL,
    position  bigint GENERATED ALWAYS AS IDENTITY,
    at        timestamptz NOT NULL,
    event     text NOT NULL,
    step      text,
    direction text,
    attempt   integer,
    actor     text,
    code      text,
    message   text,
    PRIMARY KEY (saga_id, position)
);
