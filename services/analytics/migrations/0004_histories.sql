-- What was read from the log of events, to its end, before the unit's own queues took over.
CREATE TABLE IF NOT EXISTS histories
(
    name String,
    read_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(read_at)
ORDER BY name;
