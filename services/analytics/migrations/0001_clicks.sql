-- One row per answered redirect. Every insert is one block of one partition, so it is there whole or not at all.
--
-- * The stream's epoch and offset, and the spool's sequence, tell how far ingestion has come: no other
--   place keeps that, so it cannot drift from the rows.
-- * ingested_on is the day on which the block's first message was published, the same for the whole block.
-- * The deduplication window makes inserts compare-and-swap: two blocks that begin at the same place of
--   the stream carry the same token, and only the first of them is stored.
-- * Projections are part of each data part: they cannot drift from the rows either.
CREATE TABLE IF NOT EXISTS clicks
(
    url_id           UUID,
    clicked_at       DateTime64(3, 'UTC'),
    visitor          UInt128,
    referrer         LowCardinality(String),
    country          LowCardinality(String),
    language         LowCardinality(String),
    browser          LowCardinality(String),
    operating_system LowCardinality(String),
    device           LowCardinality(String),
    is_bot           Bool,
    spool_id         UUID,
    spool_sequence   UInt64,
    stream_epoch     UInt32,
    stream_offset    UInt64,
    ingested_on      Date,
    -- Resuming reads this instead of every row.
    PROJECTION progress
    (
        SELECT spool_id, stream_epoch, max(spool_sequence), max(stream_offset)
        GROUP BY spool_id, stream_epoch
    ),
    -- Totals and series: every zone's hours and days begin on a quarter of an hour.
    PROJECTION quarters
    (
        SELECT url_id, is_bot, toStartOfFifteenMinutes(clicked_at), count(), uniqState(visitor)
        GROUP BY url_id, is_bot, toStartOfFifteenMinutes(clicked_at)
    )
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested_on)
ORDER BY (url_id, clicked_at)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
