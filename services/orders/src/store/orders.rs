//! Table `orders`: the state now.

use crate::domain::Order;
use contracts::rest::orders::OrderStatus;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// The orders with these ids: all of them, or those of one buyer.
pub async fn by_ids(connection: &mut PgConnection, ids: &[Uuid], of: Option<Uuid>) -> sqlx::Result<Vec<Order>> {
    let states: Vec<Json<Order>> =
        sqlx::query_scalar("SELECT state FROM orders WHERE id = ANY($1) AND ($2 IS NULL OR auth_user_id = $2)")
            .bind(ids)
            .bind(of)
            .fetch_all(connection)
            .await?;
    Ok(states.into_iter().map(|Json(order)| order).collect())
}

/// How many events each of these orders has.
pub async fn versions(pool: &PgPool, ids: &[Uuid]) -> sqlx::Result<Vec<(Uuid, u64)>> {
    let rows: Vec<(Uuid, i64)> =
        sqlx::query_as("SELECT id, version FROM orders WHERE id = ANY($1)").bind(ids).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|(id, version)| (id, version.unsigned_abs())).collect())
}

/// A buyer's orders, newest first, those before `after`.
pub async fn page(
    connection: &mut PgConnection,
    buyer: Uuid,
    status: Option<OrderStatus>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Order>> {
    // The greatest id, not `$2 IS NULL OR …`: so the index leads to the page, however deep it is.
    let all = "SELECT state FROM orders
               WHERE auth_user_id = $1 AND id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
               ORDER BY id DESC LIMIT $3";
    let some = "SELECT state FROM orders
                WHERE auth_user_id = $1 AND id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff') AND status = $4
                ORDER BY id DESC LIMIT $3";
    let query = sqlx::query_scalar(if status.is_some() { some } else { all }).bind(buyer).bind(after).bind(limit);
    let query = match status {
        Some(status) => query.bind(status.into_str()),
        None => query,
    };
    let states: Vec<Json<Order>> = query.fetch_all(connection).await?;
    Ok(states.into_iter().map(|Json(order)| order).collect())
}

/// Whether an order of the customer is under way.
pub async fn any_open(connection: &mut PgConnection, customer: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM orders WHERE customer_id = $1 AND status IN ('pending', 'confirmed', 'shipped'))",
    )
    .bind(customer)
    .fetch_one(connection)
    .await
}
