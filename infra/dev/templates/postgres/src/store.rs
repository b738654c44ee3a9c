//! Queries on `notes`. Each names the owner.

use crate::domain::Note;
use sqlx::{PgConnection, PgExecutor, Row as _, postgres::PgRow};
use uuid::Uuid;

pub(crate) async fn insert(connection: &mut PgConnection, note: &Note) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO notes (id, auth_user_id, text, created_at) VALUES ($1, $2, $3, $4)")
        .bind(note.id)
        .bind(note.auth_user_id)
        .bind(&note.text)
        .bind(note.created_at)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn find(executor: impl PgExecutor<'_>, auth_user_id: Uuid, id: Uuid) -> sqlx::Result<Option<Note>> {
    sqlx::query("SELECT id, auth_user_id, text, created_at FROM notes WHERE id = $1 AND auth_user_id = $2")
        .bind(id)
        .bind(auth_user_id)
        .try_map(|row: PgRow| {
            Ok(Note {
                id: row.try_get("id")?,
                auth_user_id: row.try_get("auth_user_id")?,
                text: row.try_get("text")?,
                created_at: row.try_get("created_at")?,
            })
        })
        .fetch_optional(executor)
        .await
}
