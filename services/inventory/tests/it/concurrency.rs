//! Many buyers at once.

use crate::{
    app::TestApp,
    saga::{self, Orders},
};
use axum::http::StatusCode;
use chassis::Scope;
use contracts::{command::Outcome, problem::Code, rest::inventory::StockChanged};
use futures::future::join_all;
use harness::PATIENCE;
use std::collections::BTreeSet;
use uuid::Uuid;

const BUYERS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_buyers_of_fifty_pieces_get_exactly_what_there_is() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let mut products = Vec::new();
    for (sku, pieces) in [("A", 20), ("B", 15), ("C", 15)] {
        products.push(app.stocked(sku, pieces).await.id);
    }
    // Each wants one piece of one product, or of two of them, named in either order.
    let wanted: Vec<Vec<(Uuid, u32)>> = (0..BUYERS)
        .map(|buyer| match buyer % 4 {
            0 => vec![(products[0], 1)],
            1 => vec![(products[1], 1), (products[0], 1)],
            2 => vec![(products[2], 1), (products[1], 1)],
            _ => vec![(products[0], 1), (products[2], 1)],
        })
        .collect();
    let sagas: Vec<Uuid> = wanted.iter().map(|_| Uuid::now_v7()).collect();
    let ask = async |(saga, items): (&Uuid, &Vec<_>)| orders.command(&saga::reserve(*saga, 1, items)).await;
    join_all(sagas.iter().zip(&wanted).map(ask)).await;
    let replied = kit::eventually(PATIENCE, "a reply to everybody", async || {
        let told: BTreeSet<_> = orders.replies().iter().map(|reply| reply.step.saga_id).collect();
        Ok((told.len() == BUYERS).then_some(()))
    });
    replied.await.unwrap();

    let mut sold = [0_u32; 3];
    let served: BTreeSet<_> = orders
        .replies()
        .into_iter()
        .filter_map(|reply| match reply.outcome {
            Outcome::Done { .. } => Some(reply.step.saga_id),
            Outcome::Refused { code, .. } => {
                assert_eq!(code, "out_of_stock");
                None
            }
        })
        .collect();
    for (saga, items) in sagas.iter().zip(&wanted).filter(|(saga, _)| served.contains(saga)) {
        assert_eq!(app.statuses(*saga).await, ["open"]);
        for (product, pieces) in items {
            sold[products.iter().position(|id| id == product).unwrap()] += pieces;
        }
    }
    for (place, pieces) in [20, 15, 15].into_iter().enumerate() {
        let stock = app.stock(products[place]).await;
        assert_eq!(stock, (pieces, sold[place].into()), "what was answered is what is held");
        assert!(stock.1 <= pieces);
    }
    // There was demand enough: whoever wants only A gets it until none is left.
    assert_eq!(sold[0], 20, "nothing is left over that somebody wanted by itself");
    app.adds_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undoing_and_doing_at_the_same_moment_leaves_nothing_held() {
    let app = TestApp::new().await;
    let shirt = app.stocked("SHIRT", 100).await.id;
    // Straight at the use cases, as after a partition has moved while its old consumer was at work.
    let inventory = app.inventory();
    let sagas: Vec<Uuid> = (0..30).map(|_| Uuid::now_v7()).collect();
    let each = sagas.iter().map(|saga| {
        let (doing, again, undoing) = (inventory.clone(), inventory.clone(), inventory.clone());
        let command = saga::reserve(*saga, 1, &[(shirt, 1)]);
        let repeated = command.clone();
        let undo = saga::release(*saga, 1);
        [
            tokio::spawn(async move { doing.reserve(&[(command, Scope::current())]).await }),
            tokio::spawn(async move { undoing.release(undo).await }),
            tokio::spawn(async move { again.reserve(&[(repeated, Scope::current())]).await }),
        ]
    });
    let tasks: Vec<_> = each.flatten().collect();
    for ended in join_all(tasks).await {
        ended.unwrap().unwrap();
    }
    assert_eq!(app.stock(shirt).await, (100, 0));
    for saga in sagas {
        let statuses = app.statuses(saga).await;
        assert!(statuses == ["released"] || statuses == ["tombstone"], "{statuses:?}");
    }
    app.adds_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_who_take_the_same_last_pieces_do_not_both_get_them() {
    let app = TestApp::new().await;
    let shirt = app.stocked("SHIRT", 10).await.id;
    let keys: Vec<_> = (0..8).map(|number| format!("take-{number}")).collect();
    let answers = join_all(keys.iter().map(|key| app.change(shirt, "decrease", 3, key))).await;
    let taken = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(taken, 3);
    assert_eq!(app.stock(shirt).await, (1, 0));
    // The same request at the same moment is one.
    let again = join_all((0..8).map(|_| app.change(shirt, "increase", 5, "one"))).await;
    let (done, under_way): (Vec<_>, Vec<_>) = again.iter().partition(|answer| answer.status == StatusCode::CREATED);
    let told: Vec<StockChanged> = done.iter().map(|answer| answer.json(StatusCode::CREATED)).collect();
    assert!(!told.is_empty() && told.iter().all(|changed| *changed == told[0]));
    under_way.iter().for_each(|answer| _ = answer.problem(Code::IdempotencyInProgress));
    assert_eq!(app.stock(shirt).await, (6, 0));
}
