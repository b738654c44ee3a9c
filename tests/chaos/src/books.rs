//! What must be true of all orders when everything has come to rest, whatever was killed meanwhile: the design's
//! invariants 2 to 6, checked from each service's database and from the payment provider's own ledger.

use crate::{client, shop::Shop};
use anyhow::ensure;
use contracts::rest::orders::{Order, OrderStatus};
use kit::{Sandbox, Stack};
use serde::Deserialize;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The provider's ledger, as far as money is concerned.
#[derive(Debug, Deserialize)]
pub struct Ledger {
    charges: Vec<Charge>,
    refunds: Vec<Refund>,
}

#[derive(Debug, Deserialize)]
struct Charge {
    id: String,
    /// Begins with the order's id.
    idempotency_key: String,
    status: String,
    amount: Amount,
}

#[derive(Debug, Deserialize)]
struct Refund {
    charge_id: String,
    amount: Amount,
}

#[derive(Debug, Deserialize)]
struct Amount {
    minor: i64,
}

/// Reads the provider's ledger.
///
/// # Errors
/// Fails when the provider does not answer.
pub async fn provider(stack: &Stack, secret: &str) -> anyhow::Result<Ledger> {
    let request = client().get(format!("{}/payments/v1/ledger", stack.url("providers"))).bearer_auth(secret);
    Ok(request.send().await?.error_for_status()?.json().await?)
}

/// Waits for nothing: says whether every order has come to rest, and returns them all.
///
/// # Errors
/// Fails when an order was lost or doubled, or is still under way.
pub async fn at_rest(shop: &Shop, answered: &[Uuid]) -> anyhow::Result<Vec<Order>> {
    let orders = shop.placed().await?;
    let stored: BTreeSet<Uuid> = orders.iter().map(|order| order.id).collect();
    let answered: BTreeSet<Uuid> = answered.iter().copied().collect();
    ensure!(stored == answered, "{} orders are stored, {} were answered", stored.len(), answered.len());
    let moving = |order: &&Order| order.status == OrderStatus::Pending || order.cancelling;
    let under_way = orders.iter().filter(moving).count();
    ensure!(under_way == 0, "{under_way} of {} orders are still under way", orders.len());
    Ok(orders)
}

/// Nothing that committed stays unpublished (2), and no message was given up.
///
/// # Errors
/// Fails when something still waits.
pub async fn nothing_waits(sandbox: &Sandbox) -> anyhow::Result<()> {
    for unit in ["orders", "inventory", "payments"] {
        let mut database = PgConnection::connect(sandbox.postgres(unit)).await?;
        let unpublished: i64 = number(&mut database, "SELECT count(*) FROM outbox").await?;
        let waiting: i64 = number(&mut database, "SELECT count(*) FROM messages_waiting").await?;
        ensure!(unpublished == 0 && waiting == 0, "{unit}: {unpublished} unpublished, {waiting} waiting");
    }
    Ok(())
}

/// Stock (4): the sum of operations is the stock, reserved is what open reservations hold, and what left is what
/// confirmed orders hold: each piece once, whatever came twice or late (3).
///
/// # Errors
/// Fails when it is not so.
pub async fn stock_adds_up(sandbox: &Sandbox, orders: &[Order]) -> anyhow::Result<()> {
    let mut inventory = PgConnection::connect(sandbox.postgres("inventory")).await?;
    let wrong: i64 = number(
        &mut inventory,
        "SELECT count(*) FROM product_stock stock
         LEFT JOIN LATERAL (
             SELECT coalesce(sum(CASE kind WHEN 'increase' THEN quantity WHEN 'decrease' THEN -quantity ELSE 0 END), 0)
                        AS on_hand,
                    coalesce(sum(CASE kind WHEN 'reserve' THEN quantity WHEN 'release' THEN -quantity ELSE 0 END), 0)
                        AS reserved
             FROM product_stock_operations WHERE product_id = stock.product_id) summed ON true
         WHERE stock.on_hand <> summed.on_hand OR stock.reserved <> summed.reserved OR stock.reserved <> 0",
    )
    .await?;
    let open: i64 =
        number(&mut inventory, "SELECT count(*) FROM reservations WHERE status IN ('open', 'short')").await?;
    ensure!(wrong == 0 && open == 0, "{wrong} products do not add up, {open} reservations are open or short");
    let left: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT product_id, sum(CASE kind WHEN 'decrease' THEN quantity ELSE -quantity END)::bigint
         FROM product_stock_operations WHERE kind IN ('decrease', 'increase') AND saga_id IS NOT NULL
         GROUP BY product_id",
    )
    .fetch_all(&mut inventory)
    .await?;
    let left: BTreeMap<Uuid, i64> = left.into_iter().filter(|(_, pieces)| *pieces != 0).collect();
    let mut sold = BTreeMap::<Uuid, i64>::new();
    for item in confirmed(orders).flat_map(|order| &order.items) {
        *sold.entry(item.product_id).or_default() += i64::from(item.quantity);
    }
    ensure!(left == sold, "what left the warehouse is not what was sold: {left:?}, {sold:?}");
    Ok(())
}

/// Money (5): captured less refunded is the sum of confirmed orders, and no order is charged twice.
///
/// # Errors
/// Fails when it is not so.
pub fn money_is_conserved(ledger: &Ledger, orders: &[Order]) -> anyhow::Result<()> {
    let captured: Vec<&Charge> = ledger.charges.iter().filter(|charge| charge.status == "captured").collect();
    let mut kept = BTreeMap::<&str, i64>::new();
    for charge in &captured {
        let order = charge.idempotency_key.split(':').next().unwrap_or_default();
        ensure!(!kept.contains_key(order), "order {order} is charged twice");
        let refunded: i64 =
            ledger.refunds.iter().filter(|refund| refund.charge_id == charge.id).map(|it| it.amount.minor).sum();
        kept.insert(order, charge.amount.minor - refunded);
    }
    for order in orders {
        let (id, is_sold) = (order.id.to_string(), is_confirmed(order));
        let (expected, kept) = (if is_sold { order.total.minor } else { 0 }, kept.get(id.as_str()).copied());
        ensure!(kept.unwrap_or(0) == expected, "order {id} is {:?} and {kept:?} was kept", order.status);
    }
    Ok(())
}

/// Every saga has ended or is listed as needing attention (6); here nothing may need any.
///
/// # Errors
/// Fails when one is still under way, or needs attention.
pub async fn sagas_have_ended(sandbox: &Sandbox) -> anyhow::Result<()> {
    let mut orders = PgConnection::connect(sandbox.postgres("orders")).await?;
    let statuses: Vec<(String, i64)> =
        sqlx::query_as("SELECT status::text, count(*) FROM sagas GROUP BY 1 ORDER BY 1").fetch_all(&mut orders).await?;
    let ended = ["completed", "compensated"];
    ensure!(statuses.iter().all(|(status, _)| ended.contains(&status.as_str())), "sagas: {statuses:?}");
    Ok(())
}

/// Each order's events stand without gaps, and are one story: it is confirmed at most once, and ends at most once.
///
/// # Errors
/// Fails when it is not so.
pub async fn histories_are_whole(sandbox: &Sandbox) -> anyhow::Result<()> {
    let mut orders = PgConnection::connect(sandbox.postgres("orders")).await?;
    let wrong: Vec<Value> = sqlx::query_scalar(
        "SELECT jsonb_build_object('order', order_id, 'events', array_agg(type ORDER BY version))
         FROM order_events GROUP BY order_id
         HAVING max(version) <> count(*) OR count(*) <> count(DISTINCT type) LIMIT 10",
    )
    .fetch_all(&mut orders)
    .await?;
    ensure!(wrong.is_empty(), "{wrong:?}");
    Ok(())
}

/// How many orders ended how.
#[must_use]
pub fn outcomes(orders: &[Order]) -> BTreeMap<&'static str, usize> {
    let mut outcomes = BTreeMap::new();
    for order in orders {
        *outcomes.entry(order.status.as_str()).or_default() += 1;
    }
    outcomes
}

fn confirmed(orders: &[Order]) -> impl Iterator<Item = &Order> {
    orders.iter().filter(|order| is_confirmed(order))
}

fn is_confirmed(order: &Order) -> bool {
    matches!(order.status, OrderStatus::Confirmed | OrderStatus::Shipped | OrderStatus::Delivered)
}

async fn number(database: &mut PgConnection, sql: &'static str) -> sqlx::Result<i64> {
    sqlx::query_scalar(sql).fetch_one(database).await
}
