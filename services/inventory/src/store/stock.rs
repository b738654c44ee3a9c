//! Tables `product_stock` and `product_stock_operations`, as changes go through them.

use crate::domain::{Shelf, Shelved, Stock, What};
use crate::store::operations::{Record, kind_name};
use chrono::{DateTime, Utc};
use postgres::column;
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

/// Writes what happened: the operations, the projection, and snapshots where they are due. One statement but for those.
pub async fn write<'a>(
    connection: &mut PgConnection,
    records: impl IntoIterator<Item = &'a Record>,
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    let records: Vec<&Record> = records.into_iter().collect();
    if records.is_empty() {
        return Ok(());
    }
    // Of each product its version then, and its last operation's number with the stock after it.
    let mut newest = BTreeMap::<Uuid, (i64, Option<(i64, Stock)>)>::new();
    let mut added = Vec::new();
    for record in &records {
        let row = newest.entry(record.change.product_id).or_default();
        row.0 = record.change.version;
        if let What::Operation { stock, number, kind, quantity } = record.change.what {
            row.1 = Some((number, stock));
            added.push((*record, kind, quantity));
        }
    }
    let newest = Vec::from_iter(newest);
    let saga = |(record, ..): &(&'a Record, _, _)| record.cause.saga.as_ref();
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
    .bind(column(&newest, |(product, _)| *product))
    .bind(column(&newest, |(_, (version, _))| *version))
    .bind(column(&newest, |(_, (_, last))| last.map(|(number, _)| number)))
    .bind(column(&newest, |(_, (_, last))| last.map(|(_, stock)| stock.on_hand)))
    .bind(column(&newest, |(_, (_, last))| last.map(|(_, stock)| stock.reserved)))
    .bind(column(&added, |(record, ..)| record.id))
    .bind(column(&added, |(record, ..)| record.change.product_id))
    .bind(column(&added, |(record, ..)| record.change.version))
    .bind(column(&added, |(_, kind, _)| kind_name(*kind)))
    .bind(column(&added, |(_, _, quantity)| i64::from(*quantity)))
    .bind(column(&added, |(record, ..)| record.cause.reason.as_str()))
    .bind(column(&added, |added| saga(added).map(|saga| saga.saga_id)))
    .bind(column(&added, |added| saga(added).map(|saga| saga.step.as_str())))
    .bind(column(&added, |added| saga(added).map(|saga| saga.reservation_id)))
    .bind(column(&added, |(record, ..)| record.cause.actor))
    .bind(at)
    .execute(&mut *connection)
    .await?;
    snapshot(connection, &records, at).await
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
