//! The audit log of breakers: written to the log for good, and to Redis for reading.

use super::Operators;
use crate::store::Store;
use axum::extract::State;
use chassis::http::documented::{OperatorsOnly, Usual};
use chassis::http::{Failure, Json};
use chassis::jwt::Operator;
use chrono::{DateTime, Utc};
use contracts::problem::Code;
use redis::AsyncCommands;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How many entries Redis keeps.
const KEPT: isize = 1_000;
/// How many entries one response has.
const TOLD: isize = 100;

/// One action of an operator.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct AuditEntry {
    /// When it happened.
    at: DateTime<Utc>,
    /// The operator's user id.
    operator: Uuid,
    /// The name of the breaker.
    breaker: String,
    /// `force_open`, `force_closed`, `reset` or `probe`.
    action: String,
    /// The operator's reason.
    reason: String,
    /// The duration of a force, in seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    ttl_seconds: Option<u64>,
}

impl AuditEntry {
    pub(super) fn now(operator: Uuid, breaker: &str, action: &str, reason: String, ttl_seconds: Option<u64>) -> Self {
        Self { at: Utc::now(), operator, breaker: breaker.to_owned(), action: action.to_owned(), reason, ttl_seconds }
    }
}

/// The answer to `GET /breakers/audit`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditLog {
    /// The entries, latest first.
    entries: Vec<AuditEntry>,
}

pub(super) async fn append(store: &Store, entry: &AuditEntry) {
    tracing::warn!(
        audit.operator = %entry.operator,
        audit.breaker = entry.breaker,
        audit.action = entry.action,
        audit.reason = entry.reason,
        audit.ttl_seconds = entry.ttl_seconds,
        "An operator moved a breaker."
    );
    let Ok(text) = serde_json::to_string(entry) else { return };
    let key = store.key("breakers:audit");
    store
        .ask(async |mut redis| {
            let mut writes = redis::pipe();
            writes.lpush(&key, text).ignore().ltrim(&key, 0, KEPT - 1).ignore();
            writes.query_async::<()>(&mut redis).await
        })
        .await;
}

/// Returns what operators did to breakers, latest first.
#[utoipa::path(
    get, path = "/breakers/audit", tag = "breakers", security(("bearer" = [])),
    responses((status = 200, description = "The decisions, the latest first.", body = AuditLog), Usual, OperatorsOnly),
)]
pub(crate) async fn audit(_: Operator, State(operators): State<Operators>) -> Result<Json<AuditLog>, Failure> {
    let key = operators.store.key("breakers:audit");
    let answer = operators.store.ask(async |mut redis| redis.lrange::<_, Vec<String>>(&key, 0, TOLD - 1).await).await;
    let away = || Failure::new(Code::Unavailable, "The audit log cannot be read at the moment.");
    let entries = answer.ok_or_else(away)?;
    Ok(Json(AuditLog { entries: entries.iter().filter_map(|text| serde_json::from_str(text).ok()).collect() }))
}
