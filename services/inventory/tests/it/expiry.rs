//! What is held for too long is freed.

use crate::{
    app::TestApp,
    saga::{Orders, reserved},
};
use chrono::{DateTime, TimeDelta, Utc};
use harness::PATIENCE;
use kit::{Proxy, Sandbox};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

#[tokio::test]
async fn a_reservation_is_freed_when_its_time_is_over_and_not_before() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 9).await.id;
    let sagas = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    for saga in sagas {
        reserved(&orders.reserve(saga, 1, &[(shirt, 3)]).await);
    }
    let (inventory, before) = (app.inventory(), DateTime::UNIX_EPOCH);
    assert_eq!(inventory.expire(Utc::now() + TimeDelta::minutes(29), before).await.unwrap(), 0);
    assert_eq!(app.stock(shirt).await, (9, 9));
    // Two processes at once free each one once.
    let now = Utc::now() + TimeDelta::minutes(31);
    let back = now - TimeDelta::minutes(2);
    assert_eq!(inventory.expire(now, back).await.unwrap(), 0, "the broker was away, and their time begins anew");
    let (one, other) = tokio::join!(inventory.expire(now, before), inventory.expire(now, before));
    assert_eq!(one.unwrap() + other.unwrap(), 3);
    assert_eq!(app.stock(shirt).await, (9, 0));
    for saga in sagas {
        assert_eq!(app.statuses(saga).await, ["expired"]);
    }
    let told = orders.log(shirt, 8).await;
    assert!(told[5..].iter().all(|(kind, _)| kind == "inventory.stock.released"), "{told:?}");
    // The answer to a command stands; its order's confirmation takes the pieces again.
    reserved(&orders.reserve(sagas[0], 2, &[(shirt, 3)]).await);
    assert_eq!(app.stock(shirt).await, (9, 0));
    app.adds_up().await;
}

#[tokio::test]
async fn while_the_broker_is_away_no_time_passes() {
    let sandbox = Arc::new(Sandbox::of("inventory").await.unwrap());
    let direct = sandbox.amqp("inventory").to_owned();
    let proxy = Proxy::start(&direct).await.unwrap();
    let life = TimeDelta::seconds(4);
    let reservations = json!({"expire_after_seconds": life.num_seconds(), "sweep_every_ms": 50});
    let amqp = json!({"url": proxy.url(&direct).unwrap()});
    let app = TestApp::on(sandbox, json!({"reservations": reservations, "amqp": amqp})).await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 9).await.id;
    let saga = Uuid::now_v7();
    reserved(&orders.reserve(saga, 1, &[(shirt, 3)]).await);
    proxy.cut_off();
    let open = async || {
        assert_eq!(app.statuses(saga).await, ["open"]);
        let age = app.count("SELECT extract(epoch FROM now() - expires_at)::bigint FROM reservations").await;
        Ok((age >= 3).then_some(()))
    };
    kit::eventually(PATIENCE, "the reservation's time to be over for long", open).await.unwrap();
    proxy.mend();
    let back = Utc::now();
    let expired =
        kit::eventually(PATIENCE, "the expiry", async || Ok((app.statuses(saga).await == ["expired"]).then_some(())));
    expired.await.unwrap();
    assert!(Utc::now() - back >= life, "it has its full time anew");
}

#[tokio::test]
async fn it_happens_by_itself() {
    let app = TestApp::with(json!({"reservations": {"expire_after_seconds": 1, "sweep_every_ms": 50}})).await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 9).await.id;
    let saga = Uuid::now_v7();
    reserved(&orders.reserve(saga, 1, &[(shirt, 3)]).await);
    let expired =
        kit::eventually(PATIENCE, "the expiry", async || Ok((app.statuses(saga).await == ["expired"]).then_some(())));
    expired.await.unwrap();
    assert_eq!(app.stock(shirt).await, (9, 0));
}
