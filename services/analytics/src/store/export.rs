//! Reads single clicks, as many as there are.

use super::{Database, StoreError};
use crate::domain::window::Span;
use chrono::{DateTime, Utc};
use clickhouse::Row;
use clickhouse::query::RowCursor;
use serde::Deserialize;
use uuid::Uuid;

/// How long an export may keep the server busy, in seconds.
const EXPORT_SECONDS: u32 = 600;

/// A click as it is told: nothing in it leads to the visitor.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ToldClick {
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis")]
    pub clicked_at: DateTime<Utc>,
    pub referrer: String,
    pub country: String,
    pub language: String,
    pub browser: String,
    pub operating_system: String,
    pub device: String,
    pub is_bot: bool,
}

impl Database {
    /// Opens a cursor over a link's clicks, in order of time. Fails when the statement cannot be made; that ClickHouse
    /// is away shows at the first row.
    pub fn export(&self, link: Uuid, span: &Span) -> Result<RowCursor<ToldClick>, StoreError> {
        let humans = if span.include_bots { "" } else { "AND is_bot = false" };
        let sql = format!(
            "SELECT clicked_at, referrer, country, language, browser, operating_system, device, is_bot \
             FROM clicks WHERE url_id = '{link}' {humans} \
             AND clicked_at >= fromUnixTimestamp64Milli(toInt64({}), 'UTC') \
             AND clicked_at < fromUnixTimestamp64Milli(toInt64({}), 'UTC') \
             ORDER BY clicked_at, spool_id, spool_sequence",
            span.from.timestamp_millis(),
            span.to.timestamp_millis(),
        );
        let query = self.client.query_raw(&sql).with_setting("max_execution_time", EXPORT_SECONDS.to_string());
        Ok(query.fetch()?)
    }
}
