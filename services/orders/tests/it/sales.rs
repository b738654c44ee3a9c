//! What links sold.

use crate::{
    app::{TestApp, cart},
    participants::Act,
};
use axum::http::StatusCode;
use contracts::{
    money::{Currency, Money},
    rest::orders::{LinkSales, LinksSales, Order, OrderStatus},
};
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_link_sold_what_was_confirmed_and_not_cancelled_and_only_its_owner_knows() {
    let app = TestApp::new().await;
    let (merchant, other) = (Uuid::now_v7(), Uuid::now_v7());
    app.link("natal26", merchant).await;
    app.link("quiet", merchant).await;
    app.link("theirs", other).await;
    let buyer = app.buyer().await;
    let place = async |code: &str| -> Order {
        let mut body = cart(&buyer);
        body["link_code"] = json!(code);
        app.place(&buyer, &Uuid::now_v7().to_string(), body).await.json(StatusCode::ACCEPTED)
    };
    let mut orders = Vec::new();
    for code in ["natal26", "natal26", "natal26", "theirs"] {
        let order = place(code).await;
        orders.push(app.becomes(&buyer, order.id, OrderStatus::Confirmed).await.id);
    }
    let cancel = format!("/v1/orders/{}/cancel", orders[0]);
    app.ask("POST", &cancel, &buyer.token, Some(json!({}))).await.json::<Order>(StatusCode::ACCEPTED);
    app.becomes(&buyer, orders[0], OrderStatus::Cancelled).await;
    app.played.act("charge_payment", Act::Refuse("declined"));
    let declined = place("natal26").await;
    app.becomes(&buyer, declined.id, OrderStatus::Rejected).await;

    let of = async |user: Uuid| -> Vec<LinkSales> {
        let body = json!({"codes": ["natal26", "quiet", "theirs", "nobodys"]});
        let token = app.issuer.token(user, &["user", "operator"]);
        let sales: LinksSales = app.ask("POST", "/v1/links/sales/batch", &token, Some(body)).await.json(StatusCode::OK);
        sales.links
    };
    let sold = |code: &str, count, minor| LinkSales {
        code: code.to_owned(),
        count,
        revenue: if minor == 0 { Vec::new() } else { vec![Money::new(minor, Currency::BRL)] },
    };
    assert_eq!(of(merchant).await, [sold("natal26", 2, 9_740), sold("quiet", 0, 0)]);
    assert_eq!(of(other).await, [sold("theirs", 1, 4_870)]);
    assert_eq!(of(buyer.user).await, []);
    for codes in [json!([]), json!(vec!["x"; 101])] {
        let body = json!({"codes": codes});
        let answer = app.ask("POST", "/v1/links/sales/batch", &buyer.token, Some(body)).await;
        assert_eq!(answer.refused(), ["codes"]);
    }
}

#[tokio::test]
async fn orders_that_are_confirmed_together_are_counted_each() {
    let app = TestApp::new().await;
    let merchant = Uuid::now_v7();
    app.link("natal26", merchant).await;
    app.link("verao27", merchant).await;
    let buyer = app.buyer().await;
    let placing = (0..40).map(|number| {
        let mut body = cart(&buyer);
        body["link_code"] = json!(["natal26", "verao27"][number % 2]);
        let (app, buyer) = (&app, &buyer);
        async move { app.place(buyer, &format!("key-{number}"), body).await }
    });
    for answer in join_all(placing).await {
        let order: Order = answer.json(StatusCode::ACCEPTED);
        app.becomes(&buyer, order.id, OrderStatus::Confirmed).await;
    }
    let body = json!({"codes": ["natal26", "verao27"]});
    let token = app.issuer.token(merchant, &["user"]);
    let sales: LinksSales = app.ask("POST", "/v1/links/sales/batch", &token, Some(body)).await.json(StatusCode::OK);
    assert_eq!(sales.links.iter().map(|link| link.count).collect::<Vec<_>>(), [20, 20]);
}
