-- Until when clicks are certainly counted, by the word of the process that ingests. Merges keep the newest.
CREATE TABLE IF NOT EXISTS ingestion
(
    as_of DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(as_of)
ORDER BY tuple();
