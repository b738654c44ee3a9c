//! The table `url_creations`: the copy of the links.

use super::detachments::VISIBLE;
use super::{Database, StoreError};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use uuid::Uuid;

/// One version of a link.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct Link {
    #[serde(with = "clickhouse::serde::uuid")]
    pub auth_user_id: Uuid,
    /// The code under which it is reached.
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

/// Gathers versions of links that come at the same time into one insert: ClickHouse likes few and large ones.
pub struct Gathering {
    database: Database,
    waiting: Mutex<Vec<QueuedLink>>,
    turn: tokio::sync::Mutex<()>,
}

struct QueuedLink {
    link: Link,
    done: oneshot::Sender<Result<(), Arc<StoreError>>>,
}

impl Gathering {
    pub fn new(database: Database) -> Self {
        Self { database, waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Inserts a version of a link, together with all that wait for the insert before.
    pub async fn insert(&self, link: Link) -> anyhow::Result<()> {
        let (done, outcome) = oneshot::channel();
        self.lock().push(QueuedLink { link, done });
        let turn = self.turn.lock().await;
        // Empty when the one whose turn was before took ours along.
        let waiting = std::mem::take(&mut *self.lock());
        if !waiting.is_empty() {
            let (links, waiters): (Vec<_>, Vec<_>) =
                waiting.into_iter().map(|QueuedLink { link, done }| (link, done)).unzip();
            let inserted = self.database.insert_links(&links).await.map_err(Arc::new);
            for waiter in waiters {
                // One that has stopped waiting will ask again.
                let _ = waiter.send(inserted.clone());
            }
        }
        drop(turn);
        Ok(outcome.await.context("the insert was given up")??)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<QueuedLink>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
