//! The saga: from placed to confirmed, or everything undone.

use crate::{
    app::{MUG, SHIRT, TestApp},
    participants::{Act, payment_of},
};
use contracts::{
    event::orders::CancelledBy,
    rest::orders::{OrderStatus, Rejection},
};
use serde_json::json;

const RESERVE: &str = "inventory.stock.reserve";
const RELEASE: &str = "inventory.stock.release";
const CHARGE: &str = "payments.payment.charge";
const REFUND: &str = "payments.payment.refund";

#[tokio::test]
async fn stock_is_reserved_payment_charged_and_the_order_confirmed() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let order = app.confirmed(&buyer).await;
    assert_eq!((order.payment_id, order.version), (Some(payment_of(order.id)), 2));
    assert_eq!(app.played.kinds(order.id), [RESERVE, CHARGE]);
    let commands = app.played.commands(order.id);
    let items = json!([
        {"inventory_product_id": MUG, "quantity": 2}, {"inventory_product_id": SHIRT, "quantity": 1},
    ]);
    assert_eq!(commands[0].1["items"], items);
    let charge = &commands[1].1;
    assert_eq!(charge["amount"], json!({"minor": 4_870, "currency": "BRL"}));
    assert_eq!((&charge["provider_token"], &charge["last_four"]), (&json!("tok_visa_ana"), &json!("4242")));
    let told = app.told(order.id, &["orders.order.placed", "orders.order.confirmed"]).await;
    assert_eq!(told.iter().map(|seen| seen.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(told[1].data["payments_payment_id"], json!(payment_of(order.id)));
    // What happened says which request or message caused it.
    let caused = "SELECT count(*) FROM order_events
                  WHERE CASE version WHEN 1 THEN correlation_id IS NOT NULL ELSE causation_id IS NOT NULL END";
    assert_eq!(app.count(caused).await, 2);
}

#[tokio::test]
async fn replies_that_come_twice_confirm_once() {
    let app = TestApp::new().await;
    for step in ["reserve_stock", "charge_payment"] {
        app.played.act(step, Act::Twice);
    }
    let buyer = app.buyer().await;
    let order = app.confirmed(&buyer).await;
    app.told(order.id, &["orders.order.placed", "orders.order.confirmed"]).await;
    assert_eq!(app.count("SELECT count(*) FROM order_events").await, 2);
}

#[tokio::test]
async fn what_is_out_of_stock_is_rejected_and_nothing_charged() {
    let app = TestApp::new().await;
    app.played.act("reserve_stock", Act::Refuse("out_of_stock"));
    let buyer = app.buyer().await;
    let order = app.buy(&buyer).await;
    let order = app.becomes(&buyer, order.id, OrderStatus::Rejected).await;
    let why = Rejection { reason: "out_of_stock".to_owned(), detail: "Not today.".to_owned() };
    assert_eq!(order.rejection, Some(why));
    assert_eq!(app.played.kinds(order.id), [RESERVE]);
    let told = app.told(order.id, &["orders.order.placed", "orders.order.rejected"]).await;
    assert_eq!((told[1].version, &told[1].data["reason"]), (2, &json!("out_of_stock")));
}

#[tokio::test]
async fn a_declined_payment_frees_the_stock_and_rejects_the_order() {
    let app = TestApp::new().await;
    app.played.act("charge_payment", Act::Refuse("declined"));
    let buyer = app.buyer().await;
    let order = app.buy(&buyer).await;
    let order = app.becomes(&buyer, order.id, OrderStatus::Rejected).await;
    let detail = "The payment was declined (Not today.). Order again with another payment method.".to_owned();
    assert_eq!(order.rejection, Some(Rejection { reason: "payment_declined".to_owned(), detail }));
    assert_eq!(app.played.kinds(order.id), [RESERVE, CHARGE, RELEASE]);
    // Another order is another checkout.
    app.played.act("charge_payment", Act::Done);
    app.confirmed(&buyer).await;
}

#[tokio::test]
async fn an_order_that_is_not_confirmed_in_time_is_cancelled_and_all_undone() {
    let patience = json!({"reserve_seconds": 1, "charge_seconds": 1, "tries": 2, "deadline_seconds": 60});
    let app = TestApp::with(json!({"checkout": patience})).await;
    app.played.act("charge_payment", Act::Silent);
    let buyer = app.buyer().await;
    let order = app.buy(&buyer).await;
    app.played.asked(order.id, REFUND).await;
    app.played.answer(order.id, REFUND).await;
    let order = app.becomes(&buyer, order.id, OrderStatus::Cancelled).await;
    assert_eq!(order.cancellation.unwrap().by, CancelledBy::Deadline);
    assert_eq!(app.played.kinds(order.id), [RESERVE, CHARGE, REFUND, RELEASE]);
    let charges = app.played.commands(order.id).iter().filter(|(kind, _)| kind == CHARGE).count();
    assert_eq!(charges, 2);
}
