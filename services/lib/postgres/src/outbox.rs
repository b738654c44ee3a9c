//! Writing into the outbox: table `outbox`.

use messaging::Outgoing;
use sqlx::PgConnection;
use uuid::Uuid;

/// See [`Tx::enqueue`](crate::Tx::enqueue).
pub(crate) async fn enqueue<M>(connection: &mut PgConnection, message: M) -> sqlx::Result<Uuid>
where
    M: TryInto<Outgoing>,
    M::Error: std::error::Error + Send + Sync + 'static,
{
    let encoding = |error| sqlx::Error::Encode(Box::new(error));
    let message = message.try_into().map_err(encoding)?.with_origin();
    let envelope = serde_json::to_string(&message.envelope).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query(
        "INSERT INTO outbox (id, subject, exchange, routing_key, envelope)
         VALUES ($1, $2, $3, $4, $5::json)",
    )
    .bind(message.envelope.id)
    .bind(&message.envelope.subject)
    .bind(&message.exchange)
    .bind(&message.routing_key)
    .bind(envelope)
    .execute(connection)
    .await?;
    Ok(message.envelope.id)
}

/// See [`Tx::enqueue_all`](crate::Tx::enqueue_all).
pub(crate) async fn enqueue_all(
    connection: &mut PgConnection,
    messages: impl IntoIterator<Item = Outgoing>,
) -> sqlx::Result<()> {
    let (mut ids, mut subjects, mut exchanges) = (Vec::new(), Vec::new(), Vec::new());
    let (mut keys, mut envelopes) = (Vec::new(), Vec::new());
    for message in messages {
        let message = message.with_origin();
        let encoded = serde_json::to_string(&message.envelope);
        envelopes.push(encoded.map_err(|error| sqlx::Error::Encode(Box::new(error)))?);
        ids.push(message.envelope.id);
        subjects.push(message.envelope.subject);
        exchanges.push(message.exchange);
        keys.push(message.routing_key);
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO outbox (id, subject, exchange, routing_key, envelope)
         SELECT id, subject, exchange, routing_key, envelope::json
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
              WITH ORDINALITY AS message (id, subject, exchange, routing_key, envelope, place)
         ORDER BY place",
    )
    .bind(ids)
    .bind(subjects)
    .bind(exchanges)
    .bind(keys)
    .bind(envelopes)
    .execute(connection)
    .await
    .map(drop)
}
