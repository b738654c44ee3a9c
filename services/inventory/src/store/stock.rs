//! Tables `product_stock` and `product_stock_operations`, as changes go through them.

use crate::domain::{Shelf, Shelved, Stock, What};
use crate::store::operations::{Record, kind_name};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// After how many operations of a product a snapshot is taken.
pub const SNAPSHOT_EVERY: i64 = 100;

#[derive(sqlx::FromRow)]
struct Row {
    product_id: Uuid,
    name: String,
    active: bool,
    version: i64,
    operations: i64,
    on_hand: i64,
    reserved: i64,
}

/// Locks products for a change, until the transaction ends. Everybody does so in the order of ids,
/// and so nobody waits for somebody who waits for him.
pub async fn lock(connection: &mut PgConnection, products: &[Uuid]) -> sqlx::Result<Shelf> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT s.product_id, p.name, p.active, s.version, s.operations, s.on_hand, s.reserved
         FROM product_stock s JOIN products p ON p.id = s.product_id
         WHERE s.product_id = ANY($1) ORDER BY s.product_id FOR NO KEY UPDATE OF s",
    )
    .bind(products)
    .fetch_all(connection)
    .await?;
    Ok(Shelf::new(rows.into_iter().map(|row| {
        let stock = Stock { on_hand: row.on_hand, reserved: row.reserved };
        let Row { product_id, name, active, version, operations, .. } = row;
        (product_id, Shelved { name, active, stock, version, operations })
    })))
}

/// Writes what happened: the operations, the projection, and snapshots where they are due. One
/// statement but for those.
pub async fn write<'a>(
    connection: &mut PgConnection,
    records: impl IntoIterator<Item = &'a Record>,
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    let records: Vec<&Record> = records.into_iter().collect();
    if records.is_empty() {
        return Ok(());
    }
    let (projected, added) = (Projected::after(&records), Added::of(&records));
    sqlx::query(
        "WITH projected AS (
             UPDATE product_stock s
             SET version = new.version, operations = coalesce(new.operations, s.operations),
                 on_hand = coalesce(new.on_hand, s.on_hand), reserved = coalesce(new.reserved, s.reserved)
             FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
                  AS new (product_id, version, operations, on_hand, reserved)
             WHERE s.product_id = new.product_id)
         INSERT INTO product_stock_operations
             (id, product_id, product_version, kind, quantity, reason, saga_id, step, reservation_id, actor, at)
         SELECT id, product_id, product_version, kind, quantity, reason, saga_id, step, reservation_id, actor, $16
         FROM unnest($6::uuid[], $7::uuid[], $8::bigint[], $9::text[], $10::bigint[], $11::text[], $12::uuid[],
                     $13::text[], $14::uuid[], $15::uuid[])
              AS new (id, product_id, product_version, kind, quantity, reason, saga_id, step, reservation_id, actor)",
    )
    .bind(projected.products)
    .bind(projected.versions)
    .bind(projected.operations)
    .bind(projected.on_hand)
    .bind(projected.reserved)
    .bind(added.ids)
    .bind(added.products)
    .bind(added.versions)
    .bind(added.kinds)
    .bind(added.quantities)
    .bind(added.reasons)
    .bind(added.sagas)
    .bind(added.steps)
    .bind(added.reservations)
    .bind(added.actors)
    .bind(at)
    .execute(&mut *connection)
    .await?;
    snapshot(connection, &records, at).await
}

/// The projection's rows after some changes, in columns.
#[derive(Default)]
struct Projected {
    products: Vec<Uuid>,
    versions: Vec<i64>,
    /// Nothing, where no operation was among the changes; so are the next two.
    operations: Vec<Option<i64>>,
    on_hand: Vec<Option<i64>>,
    reserved: Vec<Option<i64>>,
}

impl Projected {
    fn after(records: &[&Record]) -> Self {
        let mut newest = BTreeMap::<Uuid, (i64, Option<(i64, Stock)>)>::new();
        for Record { change, .. } in records {
            let row = newest.entry(change.product_id).or_default();
            row.0 = change.version;
            if let What::Operation { stock, number, .. } = change.what {
                row.1 = Some((number, stock));
            }
        }
        let mut columns = Self::default();
        for (product, (version, last)) in newest {
            columns.products.push(product);
            columns.versions.push(version);
            columns.operations.push(last.map(|(number, _)| number));
            columns.on_hand.push(last.map(|(_, stock)| stock.on_hand));
            columns.reserved.push(last.map(|(_, stock)| stock.reserved));
        }
        columns
    }
}

/// New operations, in columns.
#[derive(Default)]
struct Added<'a> {
    ids: Vec<Uuid>,
    products: Vec<Uuid>,
    versions: Vec<i64>,
    kinds: Vec<&'static str>,
    quantities: Vec<i64>,
    reasons: Vec<&'a str>,
    sagas: Vec<Option<Uuid>>,
    steps: Vec<Option<&'a str>>,
    reservations: Vec<Option<Uuid>>,
    actors: Vec<Option<Uuid>>,
}

impl<'a> Added<'a> {
    fn of(records: &[&'a Record]) -> Self {
        let mut columns = Self::default();
        for Record { id, change, cause } in records {
            let What::Operation { kind, quantity, .. } = change.what else { continue };
            columns.ids.push(*id);
            columns.products.push(change.product_id);
            columns.versions.push(change.version);
            columns.kinds.push(kind_name(kind));
            columns.quantities.push(quantity.into());
            columns.reasons.push(&cause.reason);
            columns.sagas.push(cause.saga.as_ref().map(|saga| saga.saga_id));
            columns.steps.push(cause.saga.as_ref().map(|saga| &*saga.step));
            columns.reservations.push(cause.saga.as_ref().map(|saga| saga.reservation_id));
            columns.actors.push(cause.actor);
        }
        columns
    }
}

/// Takes the snapshots that are due.
async fn snapshot(connection: &mut PgConnection, records: &[&Record], at: DateTime<Utc>) -> sqlx::Result<()> {
    for Record { change, .. } in records {
        let What::Operation { stock, number, .. } = change.what else { continue };
        if number % SNAPSHOT_EVERY != 0 {
            continue;
        }
        sqlx::query(
            "INSERT INTO product_stock_snapshots (product_id, product_version, operations, on_hand, reserved, at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(change.product_id)
        .bind(change.version)
        .bind(number)
        .bind(stock.on_hand)
        .bind(stock.reserved)
        .bind(at)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Counts what was written, once it is committed.
pub fn count(records: &[Record]) {
    for Record { change, .. } in records {
        if let What::Operation { kind, .. } = change.what {
            metrics::counter!(crate::metrics::STOCK_OPERATIONS, "kind" => kind_name(kind)).increment(1);
        }
    }
}

/// Grows a product's version by one, for an event about the product itself.
pub async fn next_version(connection: &mut PgConnection, product: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar("UPDATE product_stock SET version = version + 1 WHERE product_id = $1 RETURNING version")
        .bind(product)
        .fetch_one(connection)
        .await
}

/// Adds the row of a new product, of which nothing is there.
pub async fn insert(connection: &mut PgConnection, product: Uuid) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO product_stock (product_id, version) VALUES ($1, 1)")
        .bind(product)
        .execute(connection)
        .await
        .map(drop)
}
