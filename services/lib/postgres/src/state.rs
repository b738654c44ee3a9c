//! What consumers remember: tables `messages_waiting` and `dead_letter_audit`.

use crate::Db;
use anyhow::Result;
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use messaging::ConsumerState;
use messaging::state::{AuditEntry, Waiting};
use uuid::Uuid;

impl ConsumerState for Db {
    fn waiting<'a>(&'a self, consumer: &'a str) -> BoxFuture<'a, Result<Vec<Waiting>>> {
        Box::pin(async move {
            let rows: Vec<(String, Uuid, i64)> = sqlx::query_as(
                "SELECT subject, message_id, position FROM messages_waiting
                 WHERE consumer = $1 ORDER BY subject, position",
            )
            .bind(consumer)
            .fetch_all(self.pool())
            .await?;
            Ok(rows.into_iter().map(|(subject, id, position)| Waiting { subject, id, position }).collect())
        })
    }

    fn put<'a>(&'a self, consumer: &'a str, waiting: &'a Waiting) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            sqlx::query(
                "INSERT INTO messages_waiting (consumer, message_id, subject, position)
                 VALUES ($1, $2, $3, $4) ON CONFLICT (consumer, message_id) DO NOTHING",
            )
            .bind(consumer)
            .bind(waiting.id)
            .bind(&waiting.subject)
            .bind(waiting.position)
            .execute(self.pool())
            .await?;
            Ok(())
        })
    }

    fn remove<'a>(&'a self, consumer: &'a str, id: Uuid) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            sqlx::query("DELETE FROM messages_waiting WHERE consumer = $1 AND message_id = $2")
                .bind(consumer)
                .bind(id)
                .execute(self.pool())
                .await?;
            Ok(())
        })
    }

    fn record<'a>(&'a self, entry: &'a AuditEntry) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            sqlx::query(
                "INSERT INTO dead_letter_audit (consumer, message_id, subject, action, actor, reason, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(&entry.consumer)
            .bind(entry.message_id)
            .bind(&entry.subject)
            .bind(&entry.action)
            .bind(&entry.actor)
            .bind(&entry.reason)
            .bind(entry.at)
            .execute(self.pool())
            .await?;
            Ok(())
        })
    }

    fn audit<'a>(&'a self, consumer: &'a str, limit: u32) -> BoxFuture<'a, Result<Vec<AuditEntry>>> {
        type Row = (Uuid, String, String, String, String, DateTime<Utc>);
        let entry = |(message_id, subject, action, actor, reason, at): Row| AuditEntry {
            consumer: consumer.to_owned(),
            message_id,
            subject,
            action,
            actor,
            reason,
            at,
        };
        Box::pin(async move {
            let rows: Vec<Row> = sqlx::query_as(
                "SELECT message_id, subject, action, actor, reason, at FROM dead_letter_audit
                 WHERE consumer = $1 ORDER BY id DESC LIMIT $2",
            )
            .bind(consumer)
            .bind(i64::from(limit))
            .fetch_all(self.pool())
            .await?;
            Ok(rows.into_iter().map(entry).collect())
        })
    }
}
