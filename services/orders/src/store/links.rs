//! Table `links`: whose link a code is, copied from shortener.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// A link.
#[derive(Debug, Clone)]
pub struct Link {
    /// The code.
    pub code: String,
    /// The link's id.
    pub url_id: Uuid,
    /// Whose it is.
    pub owner: Uuid,
    /// When it was deleted.
    pub deleted_at: Option<DateTime<Utc>>,
}

/// Takes over a version of a link. Whether it is the newest is for the caller to know.
///
/// # Errors
/// Fails when the database does.
pub async fn save(connection: &mut PgConnection, link: &Link) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO links (code, shortener_url_id, auth_user_id, deleted_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (code) DO UPDATE SET deleted_at = excluded.deleted_at",
    )
    .bind(&link.code)
    .bind(link.url_id)
    .bind(link.owner)
    .bind(link.deleted_at)
    .execute(connection)
    .await
    .map(drop)
}

/// Those of these codes that are or were a link's. One that was deleted still brought its buyers.
///
/// # Errors
/// Fails when the database does.
pub async fn known(connection: &mut PgConnection, codes: &[String]) -> sqlx::Result<HashSet<String>> {
    if codes.is_empty() {
        return Ok(HashSet::new());
    }
    let known: Vec<String> =
        sqlx::query_scalar("SELECT code FROM links WHERE code = ANY($1)").bind(codes).fetch_all(connection).await?;
    Ok(known.into_iter().collect())
}
