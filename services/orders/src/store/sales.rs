//! Table `link_sales`: what links sold.

use crate::domain::Order;
use contracts::money::{Currency, Money};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// Over how many rows the orders of one link are spread.
const SLOTS: i32 = 64;

/// Counts an order for the link that brought it, or takes it back: in a row that this connection has nearly for
/// itself. So transactions that count several orders do not wait for each other, let alone crosswise.
///
/// # Errors
/// Fails when the database does.
pub async fn count(connection: &mut PgConnection, order: &Order, sign: i64) -> sqlx::Result<()> {
    let Some(code) = &order.shortener_short_code else { return Ok(()) };
    sqlx::query(
        "INSERT INTO link_sales AS sold (code, currency, slot, orders, minor)
         VALUES ($1, $2, pg_backend_pid() % $3, $4, $5::bigint * $4)
         ON CONFLICT (code, currency, slot)
         DO UPDATE SET orders = sold.orders + excluded.orders, minor = sold.minor + excluded.minor",
    )
    .bind(code)
    .bind(order.total.currency.code())
    .bind(SLOTS)
    .bind(sign)
    .bind(order.total.minor)
    .execute(connection)
    .await
    .map(drop)
}

/// What one link sold in one currency; no currency when it sold nothing.
pub struct Sold {
    /// The link's code.
    pub code: String,
    /// Orders.
    pub orders: u64,
    /// What they amount to.
    pub revenue: Option<Money>,
}

/// What these links sold, as far as they are the owner's; by code and currency.
///
/// # Errors
/// Fails when the database does.
pub async fn of(connection: &mut PgConnection, owner: Uuid, codes: &[String]) -> sqlx::Result<Vec<Sold>> {
    #[derive(FromRow)]
    struct Row {
        code: String,
        currency: Option<String>,
        orders: i64,
        minor: i64,
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT l.code, s.currency, coalesce(sum(s.orders), 0)::bigint AS orders,
                least(coalesce(sum(s.minor), 0), 9223372036854775807)::bigint AS minor
         FROM links l LEFT JOIN link_sales s ON s.code = l.code
         WHERE l.code = ANY($1) AND l.auth_user_id = $2
         GROUP BY l.code, s.currency ORDER BY l.code, s.currency",
    )
    .bind(codes)
    .bind(owner)
    .fetch_all(connection)
    .await?;
    let sold = |row: Row| {
        let currency = row.currency.as_deref().and_then(Currency::from_code);
        let orders = u64::try_from(row.orders).unwrap_or_default();
        Sold { code: row.code, orders, revenue: currency.map(|currency| Money::new(row.minor, currency)) }
    };
    Ok(rows.into_iter().map(sold).collect())
}
