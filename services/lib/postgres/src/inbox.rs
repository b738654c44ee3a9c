//! The inbox in Postgres: tables `inbox` and `inbox_versions`.

use crate::column;
use messaging::Message;
use sqlx::PgConnection;
use uuid::Uuid;

/// The inbox of one consumer.
#[derive(Debug, Clone)]
pub struct Inbox {
    consumer: String,
}

impl Inbox {
    /// The inbox of the consumer with this name.
    pub fn new(consumer: impl Into<String>) -> Self {
        Self { consumer: consumer.into() }
    }

    /// Notes messages as handled, in one statement, and gives those that were not handled before, in their order.
    /// Concurrent repeats wait for each other's transaction.
    pub async fn accept<'m>(
        &self,
        connection: &mut PgConnection,
        messages: impl IntoIterator<Item = &'m Message>,
    ) -> sqlx::Result<Vec<&'m Message>> {
        let mut messages: Vec<&Message> = messages.into_iter().collect();
        let accepted: Vec<Uuid> = sqlx::query_scalar(
            "INSERT INTO inbox (consumer, event_id, event_day)
             SELECT $1, event_id, event_day FROM unnest($2::uuid[], $3::date[]) AS message (event_id, event_day)
             ON CONFLICT DO NOTHING RETURNING event_id",
        )
        .bind(&self.consumer)
        .bind(column(&messages, |message| message.id))
        .bind(column(&messages, |message| message.time.date_naive()))
        .fetch_all(connection)
        .await?;
        messages.retain(|message| accepted.contains(&message.id));
        Ok(messages)
    }

    /// Notes a message as handled; `false` when it was handled before, or the subject has been seen in this
    /// version or a newer one: for copies, which only the newest state matters to.
    pub async fn accept_newest(&self, connection: &mut PgConnection, message: &Message) -> sqlx::Result<bool> {
        if self.accept(connection, [message]).await?.is_empty() {
            return Ok(false);
        }
        let version = i64::try_from(message.version).unwrap_or(i64::MAX);
        let advanced = sqlx::query(
            "INSERT INTO inbox_versions AS seen (consumer, subject, version) VALUES ($1, $2, $3)
             ON CONFLICT (consumer, subject) DO UPDATE SET version = excluded.version
             WHERE seen.version < excluded.version",
        )
        .bind(&self.consumer)
        .bind(&message.subject)
        .bind(version)
        .execute(connection)
        .await?;
        Ok(advanced.rows_affected() == 1)
    }
}
