//! The names of the metrics that analytics emits.

/// How long queries took, by `query` and `outcome` (`done`, `failed`), in seconds.
pub const QUERY_SECONDS: &str = "analytics_query_seconds";
/// Clicks that were stored.
pub const CLICKS_STORED: &str = "analytics_clicks_stored_total";
/// Clicks that came again and were dropped.
pub const CLICKS_REPEATED: &str = "analytics_clicks_repeated_total";
/// Clicks that a spool's sequence says exist, and that never came: a loss.
pub const CLICKS_MISSING: &str = "analytics_clicks_missing_total";
/// Records of the stream that are not batches of clicks.
pub const RECORDS_SKIPPED: &str = "analytics_records_skipped_total";
/// Blocks that were stored.
pub const BLOCKS_STORED: &str = "analytics_blocks_stored_total";
/// Times that ingestion was interrupted and began again after what is stored.
pub const INGEST_RESUMED: &str = "analytics_ingest_resumed_total";
/// The last offset of the stream of which rows are stored.
pub const STREAM_OFFSET: &str = "analytics_stream_offset";
/// How long ago the moment lies until which clicks are certainly counted, in seconds.
pub const INGEST_LAG: &str = "analytics_ingest_lag_seconds";
/// Who listens to live clicks at the moment.
pub const LIVE_LISTENERS: &str = "analytics_live_listeners";
/// Rows that were exported.
pub const ROWS_EXPORTED: &str = "analytics_rows_exported_total";
