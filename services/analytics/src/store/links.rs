//! The table `url_creations`: the copy of the links.

use super::detachments::VISIBLE;
use super::{Database, StoreError};
use chrono::{DateTime, Utc};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// One version of a link.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct Link {
    #[serde(with = "clickhouse::serde::uuid")]
    pub auth_user_id: Uuid,
    pub short_code: String,
    #[serde(with = "clickhouse::serde::uuid")]
    pub shortener_url_id: Uuid,
    /// Where it leads; empty once deleted.
    pub original_url: String,
    pub title: Option<String>,
    pub tags: Vec<String>,
    /// When it was made, where known.
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis::option")]
    pub created_at: Option<DateTime<Utc>>,
    /// Whether the owner deleted it. Its statistics stay.
    pub is_deleted: bool,
    /// Which version this is; the highest counts.
    pub version: u64,
}

#[derive(Row, Deserialize)]
struct Named {
    short_code: String,
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
}

impl Database {
    /// Inserts versions of links, in any order and however often.
    pub async fn insert_links(&self, links: &[Link]) -> Result<(), StoreError> {
        self.insert("url_creations", links).await
    }

    /// Finds those of the owner's links that have one of these codes: ids by code. None while the owner's statistics
    /// are detached.
    pub async fn links_of(&self, owner: Uuid, codes: &[String]) -> Result<BTreeMap<String, Uuid>, StoreError> {
        let query = self
            .client
            .query(&format!(
                "SELECT short_code, any(shortener_url_id) AS id FROM url_creations \
                 WHERE auth_user_id = ? AND short_code IN ? AND {VISIBLE} GROUP BY short_code"
            ))
            .bind(owner.to_string())
            .bind(codes);
        let found = self.rows::<Named>("links", query).await?;
        Ok(found.into_iter().map(|link| (link.short_code, link.id)).collect())
    }
}
