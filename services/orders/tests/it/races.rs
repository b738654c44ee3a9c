//! What comes at the same time ends as if one had come after the other.

use crate::world::{World, cart};
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
    let world = World::new().await;
    let buyer = world.buyer().await;
    let mut erasing = postgres::Db::from(world.pool.clone()).begin().await.unwrap();
    let customer = customers::lock_by_user(&mut erasing, buyer.user).await.unwrap().unwrap();
    let erase = async {
        world.until_somebody_waits().await;
        customers::erase(&mut erasing, customer.id, Utc::now()).await.unwrap();
        erasing.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(world.place(&buyer, "key", cart(&buyer)), erase);
    answer.problem(Code::Erased);
    assert_eq!(world.count("SELECT count(*) FROM orders").await, 0);
}

#[tokio::test]
async fn orders_that_are_called_off_while_they_are_confirmed_end_cancelled_with_all_undone() {
    let world = World::new().await;
    let buyer = world.buyer().await;
    let each = async |index: u32| {
        let order = world.buy(&buyer).await;
        // At another moment each: before, between and after the replies.
        if index.is_multiple_of(3) {
            world.played.asked(order.id, "payments.payment.charge").await;
        }
        let path = format!("/v1/orders/{}/cancel", order.id);
        let answer = world.ask("POST", &path, &buyer.token, Some(json!({}))).await;
        answer.json::<Order>(StatusCode::ACCEPTED);
        world.becomes(&buyer, order.id, OrderStatus::Cancelled).await
    };
    let cancelled = futures::future::join_all((0..12).map(each)).await;
    for order in cancelled {
        let kinds = world.played.kinds(order.id);
        assert_eq!(kinds.last().map(String::as_str), Some("inventory.stock.release"), "{kinds:?}");
        let (charged, refunded) = ("payments.payment.charge".to_owned(), "payments.payment.refund".to_owned());
        assert_eq!(kinds.contains(&charged), kinds.contains(&refunded), "{kinds:?}");
    }
}

#[tokio::test]
async fn of_shipping_and_calling_off_one_wins() {
    let world = World::new().await;
    let buyer = world.buyer().await;
    let each = async |_| {
        let order = world.confirmed(&buyer).await;
        let path = |what: &str| format!("/v1/orders/{}/{what}", order.id);
        let (ship, cancel) = (path("ship"), path("cancel"));
        let (shipped, cancelled) = tokio::join!(
            world.ask("POST", &ship, &world.operator, Some(json!({}))),
            world.ask("POST", &cancel, &buyer.token, Some(json!({}))),
        );
        let (loser, status) = match (shipped.status, cancelled.status) {
            (StatusCode::OK, _) => (cancelled, OrderStatus::Shipped),
            (_, StatusCode::ACCEPTED) => (shipped, OrderStatus::Cancelled),
            (shipped, cancelled) => panic!("{shipped} and {cancelled}"),
        };
        loser.problem(Code::Conflict);
        world.becomes(&buyer, order.id, status).await;
        let refunded = world.played.kinds(order.id).contains(&"payments.payment.refund".to_owned());
        assert_eq!(refunded, status == OrderStatus::Cancelled);
    };
    futures::future::join_all((0..8).map(each)).await;
}
