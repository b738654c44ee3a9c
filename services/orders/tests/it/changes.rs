//! An order is watched.

use crate::{
    app::{Buyer, TestApp, request, with},
    participants::Act,
};
use axum::{body::BodyDataStream, http::StatusCode};
use contracts::rest::orders::{Order, OrderStatus};
use futures::StreamExt;
use harness::PATIENCE;
use serde_json::json;

struct Watching {
    body: BodyDataStream,
    read: String,
}

impl Watching {
    async fn begin(app: &TestApp, buyer: &Buyer, order: &Order, seen: Option<u64>) -> Self {
        let mut asked = request("GET", &format!("/v1/orders/{}/changes", order.id), Some(&buyer.token), None);
        if let Some(seen) = seen {
            asked = with(asked, "last-event-id", &seen.to_string());
        }
        let answer = app.stream(asked).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { body: answer.into_body().into_data_stream(), read: String::new() }
    }

    /// The next order; nothing at the end.
    async fn next(&mut self) -> Option<Order> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let event = event.to_owned();
                self.read = rest.to_owned();
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let Some(data) = data else { continue };
                let order: Order = serde_json::from_str(data).unwrap();
                assert!(event.contains("event: order") && event.contains(&format!("id: {}", order.version)), "{event}");
                return Some(order);
            }
            let more = tokio::time::timeout(PATIENCE, self.body.next()).await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&more.unwrap()).unwrap());
        }
    }
}

#[tokio::test]
async fn who_watches_sees_every_state_until_the_last() {
    let app = TestApp::new().await;
    app.played.act("charge_payment", Act::Silent);
    let buyer = app.buyer().await;
    let placed = app.buy(&buyer).await;
    app.played.asked(placed.id, "payments.payment.charge").await;
    let mut watching = Watching::begin(&app, &buyer, &placed, None).await;
    let mut later = Watching::begin(&app, &buyer, &placed, Some(1)).await;
    assert_eq!(watching.next().await.unwrap(), placed);
    let cancel = format!("/v1/orders/{}/cancel", placed.id);
    app.ask("POST", &cancel, &buyer.token, Some(json!({}))).await.json::<Order>(StatusCode::ACCEPTED);
    for watching in [&mut watching, &mut later] {
        let called_off = watching.next().await.unwrap();
        assert_eq!((called_off.version, called_off.cancelling), (2, true));
    }
    app.played.asked(placed.id, "payments.payment.refund").await;
    app.played.answer(placed.id, "payments.payment.refund").await;
    for watching in [&mut watching, &mut later] {
        assert_eq!(watching.next().await.unwrap().status, OrderStatus::Cancelled);
        assert!(watching.next().await.is_none(), "nothing can happen any more");
    }
    let mut after = Watching::begin(&app, &buyer, &placed, None).await;
    assert_eq!(after.next().await.unwrap().status, OrderStatus::Cancelled);
    assert!(after.next().await.is_none());
}

#[tokio::test]
async fn what_another_process_changes_is_heard_too() {
    let app = TestApp::new().await;
    app.played.act("reserve_stock", Act::Silent);
    let buyer = app.buyer().await;
    let placed = app.buy(&buyer).await;
    let mut watching = Watching::begin(&app, &buyer, &placed, Some(1)).await;
    // Written beside this process: none of its commits tells.
    let written = sqlx::query(
        "UPDATE orders SET version = 2, state = state || '{\"version\": 2, \"tracking_number\": \"BR1\"}' WHERE id = $1",
    );
    written.bind(placed.id).execute(app.pool()).await.unwrap();
    let seen = watching.next().await.unwrap();
    assert_eq!((seen.version, seen.tracking_number.as_deref()), (2, Some("BR1")));
}
