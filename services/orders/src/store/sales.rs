//! Table `link_sales`: what links sold.

use crate::domain::Order;
use contracts::money::{Currency, Money};
use postgres::column;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// Over how many rows the orders of one link are spread.
const SLOTS: i32 = 64;

/// Counts orders for the links that brought them, or takes them back: in rows that this connection has nearly for
/// itself. So transactions that count several orders do not wait for each other, let alone crosswise.
pub async fn count(connection: &mut PgConnection, orders: &[Order], sign: i64) -> sqlx::Result<()> {
    let sold: Vec<_> = orders.iter().filter_map(|order| Some((order.shortener_short_code.as_ref()?, order))).collect();
    if sold.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO link_sales AS sold (code, currency, slot, orders, minor)
         SELECT code, currency, pg_backend_pid() % $4, count(*) * $5, sum(minor) * $5
         FROM unnest($1::text[], $2::text[], $3::bigint[]) AS new (code, currency, minor)
         GROUP BY code, currency
         ON CONFLICT (code, currency, slot)
         DO UPDATE SET orders = sold.orders + excluded.orders, minor = sold.minor + excluded.minor",
    )
    .bind(column(&sold, |(code, _)| *code))
    .bind(column(&sold, |(_, order)| order.total.currency.code()))
    .bind(column(&sold, |(_, order)| order.total.minor))
    .bind(SLOTS)
    .bind(sign)
    .execute(connection)
    .await
    .map(drop)
}

/// What one link sold in one currency; no currency when it sold nothing.
pub struct Sold {
    pub code: String,
    pub orders: u64,
    pub revenue: Option<Money>,
}

/// What these links sold, as far as they are the owner's; by code and currency.
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
