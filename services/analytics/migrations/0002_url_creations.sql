-- The copy of the links: whose they are, and what they were called. Soft references to shortener and auth.
--
-- The newest version of a link wins, in whatever order and however often versions come. Owner, code and
-- id of a link never change, and a code is never given out again, so the key identifies the link.
CREATE TABLE IF NOT EXISTS url_creations
(
    auth_user_id     UUID,
    short_code       String,
    shortener_url_id UUID,
    original_url     String,
    title            Nullable(String),
    tags             Array(String),
    created_at       Nullable(DateTime64(3, 'UTC')),
    is_deleted       Bool,
    version          UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (auth_user_id, short_code)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
