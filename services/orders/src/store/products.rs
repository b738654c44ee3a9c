//! Table `products`: a copy of inventory's.

use crate::domain::Product;
use sqlx::PgConnection;

/// Takes over a version of a product. Whether it is the newest is for the caller to know.
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
