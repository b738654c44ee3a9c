//! Commands over the broker: once, twice, late, and in the wrong order.

use crate::{
    app::TestApp,
    saga::{self, Orders, done, refused, reserved},
};
use chassis::Scope;
use contracts::{command::Outcome, envelope::Event};
use messaging::Outgoing;
use uuid::Uuid;

#[tokio::test]
async fn an_order_is_reserved_confirmed_and_gone() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let (shirt, cap) = (app.stocked("SHIRT", 5).await.id, app.stocked("CAP", 2).await.id);
    let saga = Uuid::now_v7();
    reserved(&orders.reserve(saga, 1, &[(shirt, 3), (cap, 2)]).await);
    assert_eq!((app.stock(shirt).await, app.stock(cap).await), ((5, 3), (2, 2)));

    orders.confirm(saga).await;
    // That they were released first is nobody's to hear: they were not free.
    let told = [(1, "product.created"), (2, "stock.increased"), (3, "stock.reserved"), (5, "stock.decreased")];
    assert_eq!(orders.log(shirt, 4).await, told.map(|(version, kind)| (format!("inventory.{kind}"), version)));
    assert_eq!((app.stock(shirt).await, app.stock(cap).await), ((2, 0), (0, 0)));
    assert_eq!(app.statuses(saga).await, ["fulfilled"]);
    app.adds_up().await;
}

#[tokio::test]
async fn what_is_not_there_is_refused_by_name_and_told() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let (shirt, cap) = (app.stocked("SHIRT", 5).await.id, app.stocked("CAP", 2).await.id);
    let saga = Uuid::now_v7();
    let outcome = orders.reserve(saga, 1, &[(shirt, 1), (cap, 3)]).await;
    let told = "Not enough in stock: Camiseta CAP (3 wanted, 2 available). Order fewer.";
    assert_eq!(refused(&outcome), ("out_of_stock", told));
    assert_eq!((app.stock(shirt).await, app.stock(cap).await), ((5, 0), (2, 0)));
    assert_eq!(orders.log(cap, 3).await[2], ("inventory.stock.unavailable".to_owned(), 3));

    let unknown = Uuid::now_v7();
    let outcome = orders.reserve(Uuid::now_v7(), 1, &[(shirt, 1), (unknown, 1)]).await;
    let (code, message) = refused(&outcome);
    assert!(code == "unknown_product" && message.contains(&unknown.to_string()), "{code}: {message}");

    // A refusal stands, even if there would be enough by now; undoing it is harmless.
    let _: serde_json::Value = app.change(cap, "increase", 9, "more").await.json(axum::http::StatusCode::CREATED);
    assert_eq!(refused(&orders.reserve(saga, 2, &[(shirt, 1), (cap, 3)]).await), ("out_of_stock", told));
    done(&orders.release(saga, 1).await);
    assert_eq!(app.statuses(saga).await, ["refused"]);
    app.adds_up().await;
}

#[tokio::test]
async fn a_command_takes_effect_once_and_every_attempt_has_its_reply() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 5).await.id;
    let saga = Uuid::now_v7();
    let first = orders.reserve(saga, 1, &[(shirt, 3)]).await;
    let second = orders.reserve(saga, 2, &[(shirt, 3)]).await;
    assert_eq!(reserved(&first), reserved(&second));
    // The very same message again.
    let command = saga::reserve(saga, 1, &[(shirt, 3)]);
    let again = Outgoing::command(command.clone()).unwrap();
    orders.publish(again.clone()).await;
    orders.publish(again).await;
    let all = kit::eventually(harness::PATIENCE, "a reply to each", async || {
        Ok((orders.replies_to(&command.step).len() == 3).then(|| orders.replies_to(&command.step)))
    });
    assert!(all.await.unwrap().iter().all(|outcome| *outcome == first));
    assert_eq!(app.stock(shirt).await, (5, 3));

    done(&orders.release(saga, 1).await);
    done(&orders.release(saga, 2).await);
    assert_eq!(app.stock(shirt).await, (5, 0));
    assert_eq!(app.count("SELECT count(*) FROM product_stock_operations WHERE kind = 'release'").await, 1);
    // What comes after it was undone does nothing.
    assert_eq!(refused(&orders.reserve(saga, 3, &[(shirt, 3)]).await).0, "undone");
    assert_eq!(app.stock(shirt).await, (5, 0));
    assert_eq!(app.statuses(saga).await, ["released"]);
    app.adds_up().await;
}

#[tokio::test]
async fn a_step_that_is_undone_before_it_came_never_happens() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 5).await.id;
    let saga = Uuid::now_v7();
    done(&orders.release(saga, 1).await);
    assert_eq!(app.statuses(saga).await, ["tombstone"]);
    assert_eq!(refused(&orders.reserve(saga, 1, &[(shirt, 3)]).await).0, "undone");
    done(&orders.release(saga, 2).await);
    assert_eq!(app.stock(shirt).await, (5, 0));
    assert_eq!(app.statuses(saga).await, ["tombstone"]);
}

#[tokio::test]
async fn every_item_of_a_reservation_is_freed() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let (shirt, cap) = (app.stocked("SHIRT", 5).await.id, app.stocked("CAP", 4).await.id);
    let saga = Uuid::now_v7();
    reserved(&orders.reserve(saga, 1, &[(shirt, 3), (cap, 2)]).await);
    assert_eq!((app.stock(shirt).await, app.stock(cap).await), ((5, 3), (4, 2)));
    done(&orders.release(saga, 1).await);
    assert_eq!((app.stock(shirt).await, app.stock(cap).await), ((5, 0), (4, 0)));
    app.adds_up().await;
}

#[tokio::test]
async fn what_has_left_with_its_order_comes_back_when_that_is_undone() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 5).await.id;
    let saga = Uuid::now_v7();
    reserved(&orders.reserve(saga, 1, &[(shirt, 3)]).await);
    orders.confirm(saga).await;
    orders.log(shirt, 4).await;
    assert_eq!(app.stock(shirt).await, (2, 0));
    done(&orders.release(saga, 1).await);
    assert_eq!(app.stock(shirt).await, (5, 0));
    assert_eq!(app.statuses(saga).await, ["released"]);
    assert_eq!(orders.log(shirt, 5).await[4], ("inventory.stock.increased".to_owned(), 6));
    app.adds_up().await;
}

#[tokio::test]
async fn a_command_that_wants_nothing_is_a_dead_letter_that_operators_see() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let command = saga::reserve(Uuid::now_v7(), 1, &[]);
    let message = Outgoing::command(command).unwrap();
    let (id, mut foreign) = (message.envelope.id, message.clone());
    // A command of a kind that nobody here knows.
    let kind = "inventory.stock.count".to_owned();
    foreign.envelope = Event { id: Uuid::now_v7(), kind, ..foreign.envelope };
    let foreign_id = foreign.envelope.id;
    orders.publish(message).await;
    orders.publish(foreign).await;
    let path = "/v1/dead-letters?consumer=inventory.commands";
    let listed = kit::eventually(harness::PATIENCE, "the dead letters", async || {
        let list: serde_json::Value = app.as_operator("GET", path, None).await.json(axum::http::StatusCode::OK);
        Ok((list["items"].as_array().map(Vec::len) == Some(2)).then(|| list.to_string()))
    });
    let listed = listed.await.unwrap();
    assert!(listed.contains(&id.to_string()) && listed.contains(&foreign_id.to_string()), "{listed}");
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 0);
    assert!(orders.replies().iter().all(|reply| !matches!(reply.outcome, Outcome::Done { .. })));
}

#[tokio::test]
async fn of_a_batch_that_repeats_a_command_each_is_reserved_once_and_every_attempt_is_replied_to() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 5).await.id;
    let (saga, other) = (Uuid::now_v7(), Uuid::now_v7());
    let commands = [(saga, 1, 3), (saga, 2, 3), (other, 1, 1)]
        .map(|(saga, attempt, pieces)| (saga::reserve(saga, attempt, &[(shirt, pieces)]), Scope::current()));
    app.inventory().reserve(&commands).await.unwrap();
    for (command, _) in &commands {
        reserved(&orders.reply(&command.step).await);
    }
    assert_eq!(app.stock(shirt).await, (5, 4));
    app.adds_up().await;
}
