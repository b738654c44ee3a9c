//! Table `products`: a copy of inventory's.

use crate::domain::Product;
use contracts::money::{Currency, Money};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

#[derive(FromRow)]
struct Row {
    id: Uuid,
    name: String,
    minor: i64,
    currency: String,
    active: bool,
}

/// Those of these products that are known.
///
/// # Errors
/// Fails when the database does.
pub async fn by_ids(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Product>> {
    let rows: Vec<Row> = sqlx::query_as("SELECT id, name, minor, currency, active FROM products WHERE id = ANY($1)")
        .bind(ids)
        .fetch_all(connection)
        .await?;
    let product = |row: Row| {
        let currency = Currency::from_code(&row.currency)?;
        Some(Product { id: row.id, name: row.name, price: Money::new(row.minor, currency), active: row.active })
    };
    Ok(rows.into_iter().filter_map(product).collect())
}

/// Takes over a version of a product. Whether it is the newest is for the caller to know.
///
/// # Errors
/// Fails when the database does.
pub async fn save(connection: &mut PgConnection, product: &Product, version: u64) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO products (id, name, minor, currency, active, version) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, minor = excluded.minor, currency = excluded.currency,
             active = excluded.active, version = excluded.version",
    )
    .bind(product.id)
    .bind(&product.name)
    .bind(product.price.minor)
    .bind(product.price.currency.code())
    .bind(product.active)
    .bind(i64::try_from(version).unwrap_or(i64::MAX))
    .execute(connection)
    .await
    .map(drop)
}
