//! The payment provider is slow, loses answers, repeats itself, is down: each order is charged once all the same.

use anyhow::{Result, ensure};
use e2e_tests::{Buyer, Platform};
use serde_json::json;

/// Buys while the provider is as it is, and checks that the order was charged exactly once.
async fn bought_once(platform: &Platform, buyer: &Buyer, product: &str) -> Result<()> {
    let id = buyer.buy(product, 1).await?;
    buyer.user.order_becomes(&id, "CONFIRMED").await?;
    let charges = platform.charges(&id).await?;
    ensure!(charges.len() == 1 && charges[0]["status"] == "captured", "{charges:?}");
    Ok(())
}

pub(super) async fn slow(platform: &Platform, buyer: &Buyer, product: &str) -> Result<()> {
    platform.disturb(json!([{ "kind": "latency", "milliseconds": 1_500 }])).await?;
    bought_once(platform, buyer, product).await
}

pub(super) async fn answer_lost(platform: &Platform, buyer: &Buyer, product: &str) -> Result<()> {
    platform.disturb(json!([{ "kind": "answer_lost", "on": "charge", "remaining": 1 }])).await?;
    bought_once(platform, buyer, product).await
}

pub(super) async fn webhook_repeated(platform: &Platform, buyer: &Buyer, product: &str) -> Result<()> {
    platform.disturb(json!([{ "kind": "duplicate_webhook" }])).await?;
    bought_once(platform, buyer, product).await
}

pub(super) async fn down(platform: &Platform, buyer: &Buyer, product: &str) -> Result<()> {
    platform.stack.kill9("providers").await?;
    let id = buyer.buy(product, 1).await?;
    let order = buyer.user.order(&id).await?;
    assert_eq!(order["status"], "PENDING", "an order is taken while the provider is away");
    platform.stack.restart("providers").await?;
    buyer.user.order_becomes(&id, "CONFIRMED").await?;
    assert_eq!(platform.charges(&id).await?.len(), 1);
    Ok(())
}
