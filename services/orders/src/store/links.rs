//! Table `links`: whose link a code is, copied from shortener.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

#[derive(Debug, Clone)]
pub struct Link {
    pub code: String,
    pub url_id: Uuid,
    pub owner: Uuid,
    pub deleted_at: Option<DateTime<Utc>>,
}

/// Takes over a version of a link. Whether it is the newest is for the caller to know.
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
