//! Tables `customers` and `customer_keys`.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

/// A customer, with the key that opens what is sealed.
#[derive(FromRow)]
pub struct Row {
    pub id: Uuid,
    pub auth_user_id: Uuid,
    /// The sealed person; nothing once erased.
    pub person: Option<Vec<u8>>,
    /// Grows by one with every change.
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// The data key; nothing once erased.
    pub key_id: Option<Uuid>,
    /// The key itself, wrapped.
    pub wrapped: Option<Vec<u8>>,
}

pub async fn by_user(connection: &mut PgConnection, user: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as(
        "SELECT c.id, auth_user_id, person, version, c.created_at, updated_at, k.id AS key_id, wrapped
         FROM customers c LEFT JOIN customer_keys k ON k.customer_id = c.id WHERE auth_user_id = $1",
    )
    .bind(user)
    .fetch_optional(connection)
    .await
}

/// Like [`by_user`], and nobody else changes or erases it until the transaction ends.
pub async fn lock_by_user(connection: &mut PgConnection, user: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query("SELECT FROM customers WHERE auth_user_id = $1 FOR UPDATE")
        .bind(user)
        .execute(&mut *connection)
        .await?;
    // A statement of its own: one that waited for the lock would join the key as it was before.
    by_user(connection, user).await
}

/// The customers with these ids: all of them, or those of one user.
pub async fn by_ids(connection: &mut PgConnection, ids: &[Uuid], of: Option<Uuid>) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as(
        "SELECT c.id, auth_user_id, person, version, c.created_at, updated_at, k.id AS key_id, wrapped
         FROM customers c LEFT JOIN customer_keys k ON k.customer_id = c.id
         WHERE c.id = ANY($1) AND ($2 IS NULL OR auth_user_id = $2)",
    )
    .bind(ids)
    .bind(of)
    .fetch_all(connection)
    .await
}

/// Adds a customer with its key; `false` when the user is one already.
pub async fn insert(
    connection: &mut PgConnection,
    (id, user): (Uuid, Uuid),
    person: &[u8],
    (key_id, wrapped): (Uuid, &[u8]),
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let added = sqlx::query(
        "INSERT INTO customers (id, auth_user_id, person, version, created_at, updated_at)
         VALUES ($1, $2, $3, 1, $4, $4) ON CONFLICT (auth_user_id) DO NOTHING",
    )
    .bind(id)
    .bind(user)
    .bind(person)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("INSERT INTO customer_keys (customer_id, id, wrapped, created_at) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(key_id)
        .bind(wrapped)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(true)
}

pub async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    person: &[u8],
    version: i64,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE customers SET person = $2, version = $3, updated_at = $4 WHERE id = $1")
        .bind(id)
        .bind(person)
        .bind(version)
        .bind(now)
        .execute(connection)
        .await
        .map(drop)
}

/// A customer's data key, as it is stored.
#[derive(FromRow)]
pub struct WrappedKey {
    pub customer_id: Uuid,
    pub id: Uuid,
    /// The key itself, wrapped.
    pub wrapped: Vec<u8>,
}

/// Up to `most` data keys, of the customers after this one by id.
pub async fn keys_after(pool: &PgPool, customer: Uuid, most: i64) -> sqlx::Result<Vec<WrappedKey>> {
    sqlx::query_as(
        "SELECT customer_id, id, wrapped FROM customer_keys WHERE customer_id > $1 ORDER BY customer_id LIMIT $2",
    )
    .bind(customer)
    .bind(most)
    .fetch_all(pool)
    .await
}

/// Stores a data key that was wrapped anew, unless it was destroyed meanwhile.
pub async fn rewrap(pool: &PgPool, key_id: Uuid, wrapped: &[u8]) -> sqlx::Result<()> {
    let query = sqlx::query("UPDATE customer_keys SET wrapped = $2 WHERE id = $1").bind(key_id).bind(wrapped);
    query.execute(pool).await.map(drop)
}

/// Destroys a customer's key and everything that is sealed with it.
pub async fn erase(connection: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM customer_keys WHERE customer_id = $1").bind(id).execute(&mut *connection).await?;
    chassis::failpoint!("orders.erase.after_key");
    sqlx::query("DELETE FROM payment_methods WHERE customer_id = $1").bind(id).execute(&mut *connection).await?;
    sqlx::query(
        "UPDATE customers SET person = NULL, version = version + 1, updated_at = $2, erased_at = $2 WHERE id = $1",
    )
    .bind(id)
    .bind(now)
    .execute(connection)
    .await
    .map(drop)
}

/// Notes that a user who is no customer never becomes one: a request that is on its way would leave data
/// behind that nobody erases. `false` when the user is one meanwhile.
pub async fn refuse(connection: &mut PgConnection, user: Uuid, now: DateTime<Utc>) -> sqlx::Result<bool> {
    let added = sqlx::query(
        "INSERT INTO customers (id, auth_user_id, version, created_at, updated_at, erased_at)
         VALUES ($1, $2, 0, $3, $3, $3) ON CONFLICT (auth_user_id) DO NOTHING",
    )
    .bind(Uuid::now_v7())
    .bind(user)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(added.rows_affected() == 1)
}
