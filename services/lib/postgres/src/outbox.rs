//! Writing into the outbox: table `outbox`.

use messaging::Outgoing;
use sqlx::PgConnection;

/// Writes messages in one statement and in this order.
pub(crate) async fn write(connection: &mut PgConnection, messages: Vec<Outgoing>) -> sqlx::Result<()> {
    let (mut ids, mut subjects, mut exchanges) = (Vec::new(), Vec::new(), Vec::new());
    let (mut keys, mut envelopes) = (Vec::new(), Vec::new());
    for message in messages {
        let encoded = serde_json::to_string(&message.envelope);
        envelopes.push(encoded.map_err(|error| sqlx::Error::Encode(Box::new(error)))?);
        ids.push(message.envelope.id);
        subjects.push(message.envelope.subject);
        exchanges.push(message.exchange);
        keys.push(message.routing_key);
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
