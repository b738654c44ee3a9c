//! What must be true of all orders when everything has come to rest, whatever was killed meanwhile: the design's
//! invariants 2 to 4 and 6, checked from each service's database. Of [`money`](crate::money) there is a page apart.

use crate::{
    client,
    purchase::{CallingOff, Placed},
    shop::Shop,
};
use anyhow::{Context as _, ensure};
use contracts::{
    event::orders::CancelledBy,
    rest::orders::{Order, OrderStatus},
};
use kit::{Sandbox, Stack, eventually};
use serde::Deserialize;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use uuid::Uuid;

/// The services that send and hear messages here.
const SERVICES: [&str; 3] = ["orders", "inventory", "payments"];
/// How long a service may take to find the broker again, if that was killed last.
const REACHED: Duration = Duration::from_secs(60);

/// Waits for nothing: says whether every order has come to rest, and returns them all. Fails when an order was lost or
/// doubled, or is still under way.
pub async fn at_rest(shop: &Shop, answered: &[Placed]) -> anyhow::Result<Vec<Order>> {
    let orders = shop.placed().await?;
    let stored: BTreeSet<Uuid> = orders.iter().map(|order| order.id).collect();
    let answered: BTreeSet<Uuid> = answered.iter().map(|placed| placed.id).collect();
    ensure!(stored == answered, "{} orders are stored, {} were answered", stored.len(), answered.len());
    let moving = |order: &&Order| order.status == OrderStatus::Pending || order.cancelling;
    let under_way = orders.iter().filter(moving).count();
    ensure!(under_way == 0, "{under_way} of {} orders are still under way", orders.len());
    Ok(orders)
}

/// Nothing that committed stays unpublished (2), and no message is to be tried again. Fails when something still waits.
pub async fn nothing_waits(sandbox: &Sandbox) -> anyhow::Result<()> {
    for unit in SERVICES {
        let mut database = PgConnection::connect(sandbox.postgres(unit)).await?;
        let unpublished: i64 = number(&mut database, "SELECT count(*) FROM outbox").await?;
        let waiting: i64 = number(&mut database, "SELECT count(*) FROM messages_waiting").await?;
        ensure!(unpublished == 0 && waiting == 0, "{unit}: {unpublished} unpublished, {waiting} waiting");
    }
    Ok(())
}

/// No message was given up: no consumer has a dead letter. Fails when one has, or a service cannot be asked.
pub async fn nothing_was_given_up(stack: &Stack, operator: &str) -> anyhow::Result<()> {
    for unit in SERVICES {
        let listed = async || Ok(Some(dead_letters(&stack.url(unit), operator).await?));
        let letters = eventually(REACHED, "dead letters to be listed", listed).await.context(unit)?;
        ensure!(letters.is_empty(), "{unit} gave up: {letters:?}");
    }
    Ok(())
}

async fn dead_letters(unit: &str, operator: &str) -> anyhow::Result<Vec<Value>> {
    #[derive(Deserialize)]
    struct List {
        items: Vec<Value>,
    }
    let request = client().get(format!("{unit}/v1/dead-letters")).bearer_auth(operator);
    let list: List = request.send().await?.error_for_status()?.json().await?;
    Ok(list.items)
}

/// Orders are called off by those who asked for it, and by nobody else: what was promised to be cancelled is, and what
/// its buyer is said to have cancelled was asked for. That money and stock came back is for the other books. Fails when
/// it is not so.
pub fn wishes_are_heeded(orders: &[Order], placed: &[Placed]) -> anyhow::Result<()> {
    let told: BTreeMap<Uuid, CallingOff> = placed.iter().map(|placed| (placed.id, placed.calling_off)).collect();
    for order in orders {
        let is_by_buyer = order.cancellation.as_ref().is_some_and(|why| why.by == CancelledBy::Buyer);
        let is_right = match told.get(&order.id).context("an order that nobody placed")? {
            CallingOff::Unasked => !is_by_buyer,
            CallingOff::Promised => order.status == OrderStatus::Cancelled,
            // Too late; or an earlier request was just being heeded, and its answer got lost.
            CallingOff::Refused => true,
        };
        ensure!(is_right, "order {} is {:?}, {:?}: {:?}", order.id, order.status, order.cancellation, told[&order.id]);
    }
    Ok(())
}

/// Stock (4): the sum of operations is the stock, reserved is what open reservations hold, and what left is what
/// confirmed orders hold: each piece once, whatever came twice or late (3). Fails when it is not so.
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

/// Every saga has ended or is listed as needing attention (6); here nothing may need any. Fails when one is still under
/// way, or needs attention.
pub async fn sagas_have_ended(sandbox: &Sandbox) -> anyhow::Result<()> {
    let mut orders = PgConnection::connect(sandbox.postgres("orders")).await?;
    let statuses: Vec<(String, i64)> =
        sqlx::query_as("SELECT status::text, count(*) FROM sagas GROUP BY 1 ORDER BY 1").fetch_all(&mut orders).await?;
    let ended = ["completed", "compensated"];
    ensure!(statuses.iter().all(|(status, _)| ended.contains(&status.as_str())), "sagas: {statuses:?}");
    Ok(())
}

/// Each order's events stand without gaps, and are one story: it is confirmed at most once, and ends at most once.
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
        *outcomes.entry(order.status.into_str()).or_default() += 1;
    }
    outcomes
}

fn confirmed(orders: &[Order]) -> impl Iterator<Item = &Order> {
    orders.iter().filter(|order| is_confirmed(order))
}

/// Whether an order stands: it is paid for, and its pieces are the buyer's.
pub(crate) fn is_confirmed(order: &Order) -> bool {
    matches!(order.status, OrderStatus::Confirmed | OrderStatus::Shipped | OrderStatus::Delivered)
}

/// The number that a query counts.
pub(crate) async fn number(database: &mut PgConnection, sql: &'static str) -> sqlx::Result<i64> {
    sqlx::query_scalar(sql).fetch_one(database).await
}
