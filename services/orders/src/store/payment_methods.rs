//! Table `payment_methods`.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

#[derive(FromRow)]
pub struct Row {
    pub id: Uuid,
    pub customer_id: Uuid,
    /// Token, kind, last four digits and expiry.
    pub sealed: Vec<u8>,
}

/// Those of these customers, each customer's in order.
pub async fn of(connection: &mut PgConnection, customers: &[Uuid]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as(
        "SELECT id, customer_id, sealed FROM payment_methods WHERE customer_id = ANY($1) ORDER BY position, id",
    )
    .bind(customers)
    .fetch_all(connection)
    .await
}

/// Replaces all of a customer's.
pub async fn replace(connection: &mut PgConnection, customer: Uuid, all: &[(Uuid, Vec<u8>)]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM payment_methods WHERE customer_id = $1").bind(customer).execute(&mut *connection).await?;
    let (ids, sealed): (Vec<_>, Vec<_>) = all.iter().cloned().unzip();
    sqlx::query(
        "INSERT INTO payment_methods (id, customer_id, position, sealed)
         SELECT id, $1, place, sealed FROM unnest($2::uuid[], $3::bytea[]) WITH ORDINALITY AS new (id, sealed, place)",
    )
    .bind(customer)
    .bind(ids)
    .bind(sealed)
    .execute(connection)
    .await
    .map(drop)
}
