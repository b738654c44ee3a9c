//! The event store: tables `order_events` and `order_snapshots`.

use super::placing::Request;
use crate::domain::Order;
use crate::domain::order::{Event, Stored};
use crate::error::Error;
use crate::metrics as names;
use chassis::http::idempotency::KeyRefused;
use chrono::{DateTime, Utc};
use postgres::{column, is_violation_of};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use std::collections::HashMap;
use uuid::Uuid;

/// After how many events the state is kept beside them.
pub const SNAPSHOT_EVERY: u64 = 100;
/// The schema of the states that are kept. Raise it when [`Order`] changes: older ones are passed over,
/// and the events are read instead.
const STATE_SCHEMA: i32 = 2;

#[derive(FromRow)]
struct Row {
    version: i64,
    kind: String,
    schema_version: i32,
    data: Value,
    at: DateTime<Utc>,
    causation_id: Option<Uuid>,
    correlation_id: Option<String>,
}

#[derive(FromRow)]
struct Of {
    order_id: Uuid,
    #[sqlx(flatten)]
    row: Row,
}

impl From<Row> for Stored {
    fn from(row: Row) -> Self {
        Self {
            version: u64::try_from(row.version).unwrap_or_default(),
            kind: row.kind,
            schema: u32::try_from(row.schema_version).unwrap_or_default(),
            data: row.data,
            at: row.at,
            causation_id: row.causation_id,
            correlation_id: row.correlation_id,
        }
    }
}

/// Appends events to orders, and writes the states after them and what is answered to requests: one statement. Each
/// event says by its version how many the order has before it. Fails with [`Error::Conflict`] when one of the orders
/// has more by now. [`KeyRefused::InProgress`] when another transaction has answered one of the requests: it
/// committed between our look at the table and our lock. The next time its answer is found.
pub async fn append(
    connection: &mut PgConnection,
    events: &[(Uuid, &Stored)],
    states: &[&Order],
    answers: &[(Request<'_>, Value)],
) -> Result<(), Error> {
    let written = states.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(
        "WITH events AS (
             INSERT INTO order_events (order_id, version, type, schema_version, data, at, causation_id, correlation_id)
             SELECT order_id, version, type, schema_version, data::jsonb, at, causation_id, correlation_id
             FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::int[], $5::text[], $6::timestamptz[], $7::uuid[],
                     $8::text[])
                 AS new (order_id, version, type, schema_version, data, at, causation_id, correlation_id)),
         states AS (
             INSERT INTO orders (id, customer_id, auth_user_id, status, version, state)
             SELECT id, customer_id, auth_user_id, status, version, state::jsonb
             FROM unnest($9::uuid[], $10::uuid[], $11::uuid[], $12::text[], $13::bigint[], $14::text[])
                 AS now (id, customer_id, auth_user_id, status, version, state)
             ON CONFLICT (id) DO UPDATE
                 SET status = excluded.status, version = excluded.version, state = excluded.state)
         INSERT INTO idempotency_keys (auth_user_id, operation, key, fingerprint, answer)
         SELECT auth_user_id, 'place-order', key, fingerprint, answer
         FROM unnest($15::uuid[], $16::text[], $17::bytea[], $18::jsonb[])
             AS answered (auth_user_id, key, fingerprint, answer)",
    )
    .bind(column(events, |(order_id, _)| *order_id))
    .bind(column(events, |(_, event)| signed(event.version)))
    .bind(column(events, |(_, event)| event.kind.as_str()))
    .bind(column(events, |(_, event)| i32::try_from(event.schema).unwrap_or(i32::MAX)))
    .bind(column(events, |(_, event)| event.data.to_string()))
    .bind(column(events, |(_, event)| event.at))
    .bind(column(events, |(_, event)| event.causation_id))
    .bind(column(events, |(_, event)| event.correlation_id.as_deref()))
    .bind(column(states, |order| order.id))
    .bind(column(states, |order| order.customer_id))
    .bind(column(states, |order| order.auth_user_id))
    .bind(column(states, |order| order.status.into_str()))
    .bind(column(states, |order| signed(order.version)))
    .bind(written)
    .bind(column(answers, |(request, _)| request.user))
    .bind(column(answers, |(request, _)| request.key))
    .bind(column(answers, |(request, _)| request.fingerprint))
    .bind(column(answers, |(_, answer)| answer))
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| match error {
        error if is_violation_of(&error, "order_events_pkey") => Error::Conflict,
        error if is_violation_of(&error, "idempotency_keys_pkey") => KeyRefused::InProgress.into(),
        error => error.into(),
    })
}

/// Keeps the state beside the events up to its version.
pub async fn keep(connection: &mut PgConnection, order: &Order) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO order_snapshots (order_id, version, schema_version, state, at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
    )
    .bind(order.id)
    .bind(signed(order.version))
    .bind(STATE_SCHEMA)
    .bind(serde_json::to_value(order)?)
    .bind(order.updated_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// One query: of each order the newest snapshot of a moment, as an event of type `''`, and the events after it.
const LOAD: &str = "
    WITH wanted AS MATERIALIZED (
        SELECT id, snapshot.* FROM unnest($1::uuid[]) AS id LEFT JOIN LATERAL (
            SELECT version, schema_version, state, at FROM order_snapshots
            WHERE order_id = id AND schema_version = $3 AND ($2 IS NULL OR at <= $2)
            ORDER BY version DESC LIMIT 1) AS snapshot ON true)
    SELECT id AS order_id, version, '' AS kind, schema_version, state AS data, at,
           NULL::uuid AS causation_id, NULL::text AS correlation_id
    FROM wanted WHERE version IS NOT NULL
    UNION ALL
    SELECT e.order_id, e.version, e.type, e.schema_version, e.data, e.at, e.causation_id, e.correlation_id
    FROM wanted JOIN order_events e ON e.order_id = id AND e.version > coalesce(wanted.version, 0)
    WHERE $2 IS NULL OR e.at <= $2";

/// The state of an order, now or at a moment; nothing when there was none.
pub async fn load(
    connection: &mut PgConnection,
    order_id: Uuid,
    at: Option<DateTime<Utc>>,
) -> Result<Option<Order>, Error> {
    Ok(load_all(connection, &[order_id], at).await?.remove(&order_id))
}

/// The states of several orders, each named once, now or at a moment; those that there were.
pub async fn load_all(
    connection: &mut PgConnection,
    orders: &[Uuid],
    at: Option<DateTime<Utc>>,
) -> Result<HashMap<Uuid, Order>, Error> {
    let rows: Vec<Of> = sqlx::query_as(LOAD).bind(orders).bind(at).bind(STATE_SCHEMA).fetch_all(connection).await?;
    let mut histories: HashMap<Uuid, Vec<Row>> = HashMap::with_capacity(orders.len());
    for Of { order_id, row } in rows {
        histories.entry(order_id).or_default().push(row);
    }
    let mut states = HashMap::with_capacity(orders.len());
    for (id, rows) in histories {
        states.extend(replay(rows)?.map(|order| (id, order)));
    }
    Ok(states)
}

/// The state that the events of one order lead to, in whichever order they come.
fn replay(mut rows: Vec<Row>) -> Result<Option<Order>, Error> {
    #[allow(clippy::cast_precision_loss)]
    metrics::histogram!(names::LOADED_EVENTS).record(rows.len() as f64);
    // Here and not in the database, which would sort long histories on its disk.
    rows.sort_by_key(|row| row.version);
    let mut state = None;
    for row in rows {
        state = Some(match row.kind.as_str() {
            "" => serde_json::from_value(row.data)?,
            _ => {
                let stored = Stored::from(row);
                let (version, at) = (stored.version, stored.at);
                Order::apply(state, version, at, Event::read(stored)?)?
            }
        });
    }
    Ok(state)
}

/// Everything that happened to these orders, each order's events in order.
pub async fn history(connection: &mut PgConnection, orders: &[Uuid]) -> sqlx::Result<Vec<(Uuid, Stored)>> {
    let rows: Vec<Of> = sqlx::query_as(
        "SELECT order_id, version, type AS kind, schema_version, data, at, causation_id, correlation_id
         FROM order_events WHERE order_id = ANY($1) ORDER BY order_id, version",
    )
    .bind(orders)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|of| (of.order_id, of.row.into())).collect())
}

fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
