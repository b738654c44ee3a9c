//! How often orders goes to its database and back, which is what a database far away costs.

use crate::app::{TestApp, WRAPPING_KEY, cart};
use chassis::http::IdempotencyKey;
use contracts::rest::orders::PlaceOrder;
use orders::app::{PlaceOrders, checkout::Checkout};
use postgres::Db;
use sqlx::PgPool;

#[tokio::test]
async fn an_order_is_placed_in_six_round_trips() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    app.link("abc123", buyer.user).await;
    let mut wanted = cart(&buyer);
    wanted["link_code"] = "abc123".into();
    let (user, order) = (buyer.user, serde_json::from_value::<PlaceOrder>(wanted).unwrap());
    let url = app.sandbox.postgres("orders").to_owned();
    let count = harness::round_trips(async move || {
        let db = Db::from(PgPool::connect(&url).await.unwrap());
        let sagas = saga::Engine::new(db.clone(), "orders").with(Checkout(Default::default())).unwrap();
        let keyring = sealing::config::keyring(&WRAPPING_KEY.into(), None).unwrap();
        let places = PlaceOrders::new(db, keyring.into(), sagas);
        places.place(user, IdempotencyKey::parse(b"key"), order).await.unwrap();
    });
    // Begin; key, buyer, products and link; event, state and answer; the saga; messages; commit.
    assert_eq!(count, 6);
}
