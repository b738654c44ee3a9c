//! The table `statistics_detachments`: whose statistics nobody sees.

use super::{Database, StoreError};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Keeps the rows of `url_creations` whose owner is not hidden. For the condition of a query that names the owner.
pub(super) const VISIBLE: &str = "auth_user_id NOT IN (SELECT auth_user_id FROM statistics_detachments \
     GROUP BY auth_user_id, saga_id HAVING max(stage) = 1)";

/// How far a saga has brought an owner's statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Hidden.
    Detached = 1,
    /// Shown again; final for this saga.
    Attached = 2,
}

#[derive(Row, Serialize, Deserialize)]
struct Detachment {
    #[serde(with = "clickhouse::serde::uuid")]
    auth_user_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    saga_id: Uuid,
    stage: u8,
}

#[derive(Row, Deserialize)]
struct Reached {
    stage: u8,
}

impl Database {
    /// Brings an owner's statistics to a stage, for a saga.
    pub async fn bring_to(&self, owner: Uuid, saga_id: Uuid, stage: Stage) -> Result<(), StoreError> {
        let row = Detachment { auth_user_id: owner, saga_id, stage: stage as u8 };
        self.insert("statistics_detachments", &[row]).await
    }

    /// Whether a saga has brought an owner's statistics back: it can hide them no more.
    pub async fn is_attached_again(&self, owner: Uuid, saga_id: Uuid) -> Result<bool, StoreError> {
        let query = self
            .client
            .query("SELECT max(stage) AS stage FROM statistics_detachments WHERE auth_user_id = ? AND saga_id = ?")
            .bind(owner.to_string())
            .bind(saga_id.to_string());
        let reached = self.rows::<Reached>("detachments", query).await?;
        Ok(reached.first().is_some_and(|reached| reached.stage == Stage::Attached as u8))
    }
}
