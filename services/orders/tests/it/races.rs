//! What comes at the same time ends as if one had come after the other.

use crate::app::{TestApp, cart};
use axum::http::StatusCode;
use chrono::Utc;
use contracts::{
    problem::Code,
    rest::orders::{Order, OrderStatus},
};
use orders::store::customers;
use serde_json::json;

#[tokio::test]
async fn an_order_that_waits_for_an_erasure_is_refused_after_it() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let mut erasing = postgres::Db::from(app.pool().clone()).begin().await.unwrap();
    let customer = customers::lock_by_user(&mut erasing, buyer.user).await.unwrap().unwrap();
    let erase = async {
        harness::sql::somebody_waits(app.pool()).await;
        customers::erase(&mut erasing, customer.id, Utc::now()).await.unwrap();
        erasing.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(app.place(&buyer, "key", cart(&buyer)), erase);
    answer.problem(Code::Erased);
    assert_eq!(app.count("SELECT count(*) FROM orders").await, 0);
}

#[tokio::test]
async fn orders_that_are_called_off_while_they_are_confirmed_end_cancelled_with_all_undone() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let each = async |index: u32| {
        let order = app.buy(&buyer).await;
        // At another moment each: before, between and after the replies.
        if index.is_multiple_of(3) {
            app.played.asked(order.id, "payments.payment.charge").await;
        }
        let path = format!("/v1/orders/{}/cancel", order.id);
        let answer = app.ask("POST", &path, &buyer.token, Some(json!({}))).await;
        answer.json::<Order>(StatusCode::ACCEPTED);
        app.becomes(&buyer, order.id, OrderStatus::Cancelled).await
    };
    let cancelled = futures::future::join_all((0..12).map(each)).await;
    for order in cancelled {
        let kinds = app.played.kinds(order.id);
        assert_eq!(kinds.last().map(String::as_str), Some("inventory.stock.release"), "{kinds:?}");
        let (charged, refunded) = ("payments.payment.charge".to_owned(), "payments.payment.refund".to_owned());
        assert_eq!(kinds.contains(&charged), kinds.contains(&refunded), "{kinds:?}");
    }
}

#[tokio::test]
async fn of_shipping_and_calling_off_one_wins() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let each = async |_| {
        let order = app.confirmed(&buyer).await;
        let path = |what: &str| format!("/v1/orders/{}/{what}", order.id);
        let (ship, cancel) = (path("ship"), path("cancel"));
        let (shipped, cancelled) = tokio::join!(
            app.ask("POST", &ship, &app.operator, Some(json!({}))),
            app.ask("POST", &cancel, &buyer.token, Some(json!({}))),
        );
        let (loser, status) = match (shipped.status, cancelled.status) {
            (StatusCode::OK, _) => (cancelled, OrderStatus::Shipped),
            (_, StatusCode::ACCEPTED) => (shipped, OrderStatus::Cancelled),
            (shipped, cancelled) => panic!("{shipped} and {cancelled}"),
        };
        loser.problem(Code::Conflict);
        app.becomes(&buyer, order.id, status).await;
        let refunded = app.played.kinds(order.id).contains(&"payments.payment.refund".to_owned());
        assert_eq!(refunded, status == OrderStatus::Cancelled);
    };
    futures::future::join_all((0..8).map(each)).await;
}
