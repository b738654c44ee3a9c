//! The payment provider is slow, silent, loses answers, repeats itself, is down: each order is charged once all the
//! same.

use anyhow::{Context as _, Result, ensure};
use e2e_tests::{Buyer, Platform};
use kit::eventually;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::PATIENCE;

/// Buys while the provider is as it is, and checks that the order was charged exactly once. Tells the order.
async fn bought_once(platform: &Platform, buyer: &Buyer, product: &str) -> Result<String> {
    let id = buyer.buy(product, 1).await?;
    is_charged_once(platform, buyer, &id).await?;
    Ok(id)
}

async fn is_charged_once(platform: &Platform, buyer: &Buyer, order: &str) -> Result<()> {
    buyer.user.order_becomes(order, "CONFIRMED").await?;
    let charges = platform.charges(order).await?;
    ensure!(charges.len() == 1 && charges[0]["status"] == "captured", "{charges:?}");
    Ok(())
}

pub(super) async fn slow(platform: &Platform, buyer: &Buyer, product: &str) -> Result<()> {
    platform.disturb(json!([{ "kind": "latency", "milliseconds": 1_500 }])).await?;
    bought_once(platform, buyer, product).await.map(drop)
}

pub(super) async fn answer_lost(platform: &Platform, buyer: &Buyer, product: &str) -> Result<()> {
    platform.disturb(json!([{ "kind": "answer_lost", "on": "charge", "remaining": 1 }])).await?;
    bought_once(platform, buyer, product).await.map(drop)
}

pub(super) async fn silent(platform: &Platform, buyer: &Buyer, product: &str) -> Result<()> {
    let before = given_up(platform).await?;
    platform.disturb(json!([{ "kind": "hang" }])).await?;
    let id = buyer.buy(product, 1).await?;
    eventually(PATIENCE, "payments to wait no longer", async || Ok((given_up(platform).await? > before).then_some(())))
        .await?;
    let order = buyer.user.order(&id).await?;
    let (status, payment) = (&order["status"], &order["payment"]["status"]);
    assert_eq!((status, payment), (&json!("PENDING"), &json!("PENDING")), "nobody knows yet whether it is paid");
    assert!(platform.charges(&id).await?.is_empty(), "a provider that hangs does nothing");
    platform.disturb(json!([])).await?;
    is_charged_once(platform, buyer, &id).await
}

pub(super) async fn webhook_repeated(platform: &Platform, buyer: &Buyer, product: &str) -> Result<()> {
    let before = all_heard(platform).await?;
    platform.disturb(json!([{ "kind": "duplicate_webhook", "remaining": 1 }])).await?;
    let id = bought_once(platform, buyer, product).await?;
    let bought = payment(buyer, &id).await?;
    eventually(PATIENCE, "both deliveries to be heard", async || {
        let heard = heard(platform).await? - before;
        ensure!(heard >= 2, "{heard} of them were");
        Ok(Some(()))
    })
    .await?;
    assert_eq!(payment(buyer, &id).await?, bought);
    assert_eq!(events_of_payments(platform, &id).await?, [1], "it was captured, and nothing else");
    is_charged_once(platform, buyer, &id).await
}

pub(super) async fn down(platform: &Platform, buyer: &Buyer, product: &str) -> Result<()> {
    platform.stack.kill9("providers").await?;
    let id = buyer.buy(product, 1).await?;
    let order = buyer.user.order(&id).await?;
    assert_eq!(order["status"], "PENDING", "an order is taken while the provider is away");
    platform.stack.restart("providers").await?;
    is_charged_once(platform, buyer, &id).await
}

async fn payment(buyer: &Buyer, order: &str) -> Result<Value> {
    buyer.user.client.get(&format!("/api/payments/v1/orders/{order}/payment")).await?.success()
}

/// How many events each of an order's payments has had: they count them in their version.
async fn events_of_payments(platform: &Platform, order: &str) -> Result<Vec<i64>> {
    let mut payments = PgConnection::connect(platform.sandbox.postgres("payments")).await?;
    let query = sqlx::query_scalar("SELECT version FROM payments WHERE orders_order_id::text = $1").bind(order);
    Ok(query.fetch_all(&mut payments).await?)
}

/// Waits until payments has heard what came of every charge so far; tells how many webhooks that took.
async fn all_heard(platform: &Platform) -> Result<u64> {
    eventually(PATIENCE, "webhooks of all charges so far", async || {
        let ledger = platform.provider()?.get("/payments/v1/ledger").await?.success()?;
        let charges = ledger["charges"].as_array().context("a ledger without charges")?.len();
        let heard = heard(platform).await?;
        ensure!(heard >= charges as u64, "{heard} of {charges} were heard");
        Ok(Some(heard))
    })
    .await
}

/// How many webhooks payments has accepted that tell of a payment of its own.
async fn heard(platform: &Platform) -> Result<u64> {
    counted(platform, "payments_webhooks_total", &["settled", "known", "replayed"]).await
}

/// How many calls to the provider payments has waited for in vain.
async fn given_up(platform: &Platform) -> Result<u64> {
    counted(platform, "payments_calls_put_off_total", &["unknown"]).await
}

/// What one of payments' metrics has counted, of things that ended in one of these ways.
async fn counted(platform: &Platform, metric: &str, ways: &[&str]) -> Result<u64> {
    let metrics = platform.visitor().at(platform.stack.url("payments")).get("/metrics").await?;
    ensure!(metrics.status.is_success(), "{}", metrics.status);
    let text = metrics.text();
    let is_asked_for = |line: &&str| ways.iter().any(|way| line.contains(&format!("=\"{way}\"")));
    let counts = text.lines().filter(|line| line.starts_with(metric)).filter(is_asked_for);
    counts.map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<u64>()?)).sum()
}
