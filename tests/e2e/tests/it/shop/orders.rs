//! Orders: bought, refused, declined, cancelled, shipped.

use std::rc::Rc;

use anyhow::{Result, ensure};
use e2e_tests::Platform;
use kit::eventually;
use serde_json::{Value, json};

use crate::PATIENCE;

async fn available(platform: &Platform, product: &str) -> Result<i64> {
    let nobody = platform.user("Curious").await?;
    let query = "query($id: ID!) { product(id: $id) { stock { available onHand } } }";
    let data = nobody.client.ask(query, json!({ "id": product })).await?.data()?;
    let stock = &data["product"]["stock"];
    ensure!(stock["onHand"].is_null(), "how much is in the warehouse is not for everybody: {stock}");
    Ok(stock["available"].as_i64().unwrap_or(-1))
}

async fn becomes_available(platform: &Platform, product: &str, pieces: i64) -> Result<()> {
    eventually(PATIENCE, "the stock to follow", async || {
        let left = available(platform, product).await?;
        ensure!(left == pieces, "{left} are available, not {pieces}");
        Ok(Some(()))
    })
    .await
}

pub(super) async fn an_order_is_bought_and_seen_by_all_who_may(platform: Rc<Platform>) -> Result<()> {
    let product = platform.product("Mug", 4_990, 10).await?;
    let merchant = platform.user("Marta").await?;
    let code = merchant.create_link(json!({ "url": "https://shop.example/mug" })).await?;
    let buyer = platform.buyer("Bia", "tok_visa_ok").await?;
    let id = eventually(PATIENCE, "orders to know the link", async || {
        Ok(Some(buyer.buy_by(&product, 2, Some(&code)).await?))
    })
    .await?;

    let order = buyer.user.order_becomes(&id, "CONFIRMED").await?;
    assert_eq!(order["total"], json!({ "minor": 9_980, "currency": "BRL", "formatted": "99.80 BRL" }));
    let item = &order["items"][0];
    assert_eq!((&item["productName"], &item["quantity"]), (&json!("Mug"), &json!(2)));
    assert_eq!((&item["unitPrice"]["minor"], &item["product"]["id"]), (&json!(4_990), &json!(product)));
    assert_eq!(order["customer"]["email"], buyer.user.email);
    assert_eq!(
        (&order["payment"]["status"], &order["payment"]["amount"]["minor"]),
        (&json!("CAPTURED"), &json!(9_980))
    );
    assert_eq!(order["link"], Value::Null, "whose link it was is not the buyer's to see");
    let told: Vec<_> = order["history"].as_array().into_iter().flatten().map(|event| &event["type"]).collect();
    assert_eq!(told, ["placed", "confirmed"]);
    becomes_available(&platform, &product, 8).await?;

    // The order as it was when it was placed.
    let query = "query($id: ID!, $at: DateTime) { order(id: $id, at: $at) { status version } }";
    let then = json!({ "id": id, "at": order["placedAt"] });
    let data = buyer.user.client.ask(query, then).await?.data()?;
    assert_eq!(data["order"], json!({ "status": "PENDING", "version": 1 }));

    // What the link sold, for its owner: without anything of the buyer.
    let query = "query($code: String!) { link(code: $code) { orders { count revenue { minor currency } } } }";
    let data = merchant.client.ask(query, json!({ "code": code })).await?.data()?;
    assert_eq!(data["link"]["orders"], json!({ "count": 1, "revenue": [{ "minor": 9_980, "currency": "BRL" }] }));
    Ok(())
}

pub(super) async fn what_is_not_there_is_not_sold(platform: Rc<Platform>) -> Result<()> {
    let product = platform.product("Lamp", 12_900, 1).await?;
    let buyer = platform.buyer("Bia", "tok_visa_ok").await?;
    let id = buyer.buy(&product, 2).await?;
    let order = buyer.user.order_becomes(&id, "REJECTED").await?;
    assert_eq!(order["rejection"]["reason"], "out_of_stock");
    assert_eq!(order["payment"], Value::Null);
    assert!(platform.charges(&id).await?.is_empty(), "nothing is charged for what is not there");
    assert_eq!(available(&platform, &product).await?, 1);
    Ok(())
}

pub(super) async fn who_cannot_pay_gets_nothing_and_holds_nothing(platform: Rc<Platform>) -> Result<()> {
    let product = platform.product("Chair", 59_900, 3).await?;
    let buyer = platform.buyer("Caio", "tok_visa_declined").await?;
    let id = buyer.buy(&product, 3).await?;
    let order = buyer.user.order_becomes(&id, "REJECTED").await?;
    assert_eq!(order["rejection"]["reason"], "payment_declined");
    assert_eq!(
        (&order["payment"]["status"], &order["payment"]["declineReason"]),
        (&json!("DECLINED"), &json!("insufficient_funds"))
    );
    becomes_available(&platform, &product, 3).await
}

pub(super) async fn a_confirmed_order_is_cancelled_and_paid_back(platform: Rc<Platform>) -> Result<()> {
    let product = platform.product("Vase", 8_000, 5).await?;
    let buyer = platform.buyer("Dora", "tok_visa_ok").await?;
    let id = buyer.buy(&product, 5).await?;
    buyer.user.order_becomes(&id, "CONFIRMED").await?;
    becomes_available(&platform, &product, 0).await?;
    let cancel = "mutation($id: ID!) { cancelOrder(id: $id, reason: \"changed my mind\") { status cancelling } }";
    buyer.user.client.ask(cancel, json!({ "id": id })).await?.data()?;
    let order = buyer.user.order_becomes(&id, "CANCELLED").await?;
    assert_eq!(order["cancellation"], json!({ "by": "BUYER", "reason": "changed my mind" }));
    assert_eq!(order["payment"]["refunded"]["minor"], 40_000);
    becomes_available(&platform, &product, 5).await
}

pub(super) async fn a_shipped_order_only_goes_forward(platform: Rc<Platform>) -> Result<()> {
    let product = platform.product("Clock", 8_000, 5).await?;
    let buyer = platform.buyer("Edu", "tok_visa_ok").await?;
    let id = buyer.buy(&product, 1).await?;
    buyer.user.order_becomes(&id, "CONFIRMED").await?;
    let operator = platform.operator().await?.client;
    let shipped = json!({ "tracking_number": "BR123" });
    let answer = operator.post(&format!("/api/orders/v1/orders/{id}/ship"), &shipped).await?;
    ensure!(answer.status.is_success(), "{}", answer.text());
    let cancel = "mutation($id: ID!) { cancelOrder(id: $id) { status } }";
    let refused = buyer.user.client.ask(cancel, json!({ "id": id })).await?.error()?;
    assert_eq!((&refused["code"], &refused["service"]), (&json!("conflict"), &json!("orders")));
    buyer.user.order_becomes(&id, "SHIPPED").await?;
    Ok(())
}

pub(super) async fn two_buyers_want_the_last_piece(platform: Rc<Platform>) -> Result<()> {
    let product = platform.product("Ring", 99_000, 1).await?;
    let (first, second) = (platform.buyer("Fabi", "tok_visa_ok").await?, platform.buyer("Gil", "tok_visa_ok").await?);
    let (one, other) = tokio::try_join!(first.buy(&product, 1), second.buy(&product, 1))?;
    let outcomes = eventually(PATIENCE, "both orders to come to rest", async || {
        let orders = [first.user.order(&one).await?, second.user.order(&other).await?];
        let mut outcomes = orders.map(|order| order["status"].as_str().unwrap_or_default().to_owned());
        outcomes.sort_unstable();
        Ok((!outcomes.iter().any(|status| status == "PENDING")).then_some(outcomes))
    });
    assert_eq!(outcomes.await?, ["CONFIRMED", "REJECTED"]);
    Ok(())
}

pub(super) async fn a_repeated_key_orders_once(platform: Rc<Platform>) -> Result<()> {
    let product = platform.product("Pen", 500, 50).await?;
    let buyer = platform.buyer("Hugo", "tok_visa_ok").await?;
    let basket = buyer.basket(&product, 1, None);
    let first = buyer.user.try_order(basket.clone(), "once").await?.data()?;
    let again = buyer.user.try_order(basket, "once").await?.data()?;
    assert_eq!(first["placeOrder"]["id"], again["placeOrder"]["id"]);
    let other = buyer.user.try_order(buyer.basket(&product, 2, None), "once").await?.error()?;
    assert_eq!(other["code"], "idempotency_mismatch");
    let listed = buyer.user.client.ask("{ orders { edges { node { id } } } }", Value::Null).await?.data()?;
    assert_eq!(listed["orders"]["edges"].as_array().map(Vec::len), Some(1));
    Ok(())
}

pub(super) async fn a_stranger_sees_no_order(platform: Rc<Platform>) -> Result<()> {
    let product = platform.product("Book", 3_000, 5).await?;
    let buyer = platform.buyer("Ivo", "tok_visa_ok").await?;
    let id = buyer.buy(&product, 1).await?;
    let stranger = platform.user("Joca").await?;
    let data =
        stranger.client.ask("query($id: ID!) { order(id: $id) { status } }", json!({ "id": id })).await?.data()?;
    assert_eq!(data["order"], Value::Null);
    let cancel = "mutation($id: ID!) { cancelOrder(id: $id) { status } }";
    let refused = stranger.client.ask(cancel, json!({ "id": id })).await?.error()?;
    assert_eq!(refused["code"], "not_found");
    for path in [format!("/api/orders/v1/orders/{id}"), format!("/api/payments/v1/orders/{id}/payment")] {
        assert_eq!(stranger.client.get(&path).await?.status, 404, "{path}");
    }
    Ok(())
}
