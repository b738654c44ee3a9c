-- What is to be published. A row is written once, and deleted when the broker has confirmed it.
CREATE TABLE IF NOT EXISTS outbox (
    position     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           uuid NOT NULL UNIQUE,
    subject      text NOT NULL,
    exchange     text NOT NULL,
    routing_key  text NOT NULL,
    envelope     json NOT NULL,
    enqueued_at  timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Which rows of the outbox a relay is publishing: a row for each of its rounds that is not over.
CREATE TABLE IF NOT EXISTS outbox_claims (
    relay         uuid NOT NULL,
    messages      uuid[] NOT NULL,
    claimed_until timestamptz NOT NULL
);

-- What was handled. Partitioned by the day on which the event was made, which every delivery of it
-- has in common: so the key is unique across partitions, and an old day is dropped at once.
CREATE TABLE IF NOT EXISTS inbox (
    consumer    text NOT NULL,
    event_id    uuid NOT NULL,
    event_day   date NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id, event_day)
) PARTITION BY RANGE (event_day);

CREATE TABLE IF NOT EXISTS inbox_other PARTITION OF inbox DEFAULT;

-- The newest version of each subject that a consumer has applied.
CREATE TABLE IF NOT EXISTS inbox_versions (
    consumer text NOT NULL,
    subject  text NOT NULL,
    version  bigint NOT NULL,
    PRIMARY KEY (consumer, subject)
);

-- Messages that fail, and those of the same subject that wait behind them.
CREATE TABLE IF NOT EXISTS messages_waiting (
    consumer   text NOT NULL,
    message_id uuid NOT NULL,
    subject    text NOT NULL,
    position   bigint NOT NULL,
    since      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
);

-- What operators did to dead letters.
CREATE TABLE IF NOT EXISTS dead_letter_audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer   text NOT NULL,
    message_id uuid NOT NULL,
    subject    text NOT NULL,
    action     text NOT NULL,
    actor      text NOT NULL,
    reason     text NOT NULL,
    at         timestamptz NOT NULL
);
