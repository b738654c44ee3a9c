//! The inbox in Postgres: tables `inbox` and `inbox_versions`.

use chrono::NaiveDate;
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

    /// Notes the message as handled; `false` when it was handled before. Concurrent repeats wait
    /// for each other's transaction.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn accept(&self, connection: &mut PgConnection, message: &Message) -> sqlx::Result<bool> {
        self.accept_all(connection, [message]).await
    }

    /// Notes messages as handled, in one statement; `false` when one of them was handled before: then the transaction
    /// is to be given up.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn accept_all(
        &self,
        connection: &mut PgConnection,
        messages: impl IntoIterator<Item = &Message>,
    ) -> sqlx::Result<bool> {
        let messages: Vec<(Uuid, NaiveDate)> =
            messages.into_iter().map(|message| (message.id, message.time.date_naive())).collect();
        let inserted = sqlx::query(
            "INSERT INTO inbox (consumer, event_id, event_day)
             SELECT $1, event_id, event_day FROM unnest($2::uuid[], $3::date[]) AS message (event_id, event_day)
             ON CONFLICT DO NOTHING",
        )
        .bind(&self.consumer)
        .bind(messages.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(messages.iter().map(|(_, day)| *day).collect::<Vec<_>>())
        .execute(connection)
        .await?;
        Ok(inserted.rows_affected() == messages.len() as u64)
    }

    /// Like [`accept`](Self::accept), and `false` also when the subject has been seen in this
    /// version or a newer one: for copies, which only the newest state matters to.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn accept_newest(&self, connection: &mut PgConnection, message: &Message) -> sqlx::Result<bool> {
        if !self.accept(connection, message).await? {
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
