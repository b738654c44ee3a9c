//! Requests that come again.

use crate::world::{Answer, TARGET, World, request, with};
use axum::http::StatusCode;
use contracts::{
    problem::Code,
    rest::shortener::{Link, LinkPage},
};
use mongodb::bson::{Document, doc};
use serde_json::json;

async fn create(world: &World, token: &str, key: &str, title: &str) -> Answer {
    let body = json!({"url": TARGET, "title": title});
    let create = request("POST", "/v1/links", Some(token), Some(body));
    world.send(with(create, "idempotency-key", key)).await
}

async fn links(world: &World) -> usize {
    let page: LinkPage = world.ask("GET", "/v1/links", None).await.json(StatusCode::OK);
    page.items.len()
}

#[tokio::test]
async fn the_same_request_makes_one_link_and_is_answered_alike() {
    let world = World::new().await;
    let first: Link = create(&world, &world.token, "k1", "A").await.json(StatusCode::CREATED);
    let path = format!("/v1/links/{}", first.code);
    world.ask("PATCH", &path, Some(json!({"title": "changed since"}))).await;
    let again: Link = create(&world, &world.token, "k1", "A").await.json(StatusCode::CREATED);
    assert_eq!(again, first);
    assert_eq!(links(&world).await, 1);
    create(&world, &world.token, "k1", "B").await.problem(Code::IdempotencyMismatch);
    create(&world, &world.token, "k2", "A").await.json::<Link>(StatusCode::CREATED);
    assert_eq!(links(&world).await, 2);
    let theirs: Link = create(&world, &world.stranger(), "k1", "B").await.json(StatusCode::CREATED);
    assert_ne!(theirs.code, first.code);
}

#[tokio::test]
async fn the_same_request_many_times_at_once_makes_one_link() {
    let world = World::new().await;
    let creating = (0..8).map(|_| create(&world, &world.token, "at-once", "A"));
    let answers = futures::future::join_all(creating).await;
    let mut codes = std::collections::HashSet::new();
    for answer in answers {
        if answer.status == StatusCode::CREATED {
            codes.insert(answer.json::<Link>(StatusCode::CREATED).code);
        } else {
            answer.problem(Code::IdempotencyInProgress);
        }
    }
    assert_eq!(codes.len(), 1);
    assert_eq!(links(&world).await, 1);
}

#[tokio::test]
async fn while_the_first_is_under_way_the_next_is_told_so() {
    let world = World::new().await;
    let database = world.database().await;
    let mut session = database.client().start_session().await.unwrap();
    // As the first one does, right before it commits.
    session.start_transaction().await.unwrap();
    let row = doc! {"_id": format!("{}/create-link/slow", world.owner), "fingerprint": "", "answer": "", "created_at": mongodb::bson::DateTime::now()};
    let keys = database.collection::<Document>("idempotency_keys");
    keys.insert_one(row).session(&mut session).await.unwrap();
    create(&world, &world.token, "slow", "A").await.problem(Code::IdempotencyInProgress);
    session.abort_transaction().await.unwrap();
    create(&world, &world.token, "slow", "A").await.json::<Link>(StatusCode::CREATED);
}

#[tokio::test]
async fn a_request_that_was_refused_may_be_mended_under_the_same_key() {
    let world = World::new().await;
    let bad = request("POST", "/v1/links", Some(&world.token), Some(json!({"url": "nonsense"})));
    world.send(with(bad, "idempotency-key", "k")).await.problem(Code::ValidationFailed);
    create(&world, &world.token, "k", "A").await.json::<Link>(StatusCode::CREATED);
    for key in ["", "with space", &"x".repeat(256)] {
        create(&world, &world.token, key, "A").await.problem(Code::ValidationFailed);
    }
}

#[tokio::test]
async fn keys_are_forgotten_after_72_hours() {
    let world = World::new().await;
    let keys = world.database().await.collection::<Document>("idempotency_keys");
    let mut indexes = keys.list_indexes().await.unwrap();
    let mut kept = Vec::new();
    while indexes.advance().await.unwrap() {
        let index = indexes.deserialize_current().unwrap();
        kept.extend(index.options.and_then(|options| options.expire_after));
    }
    assert_eq!(kept, [std::time::Duration::from_secs(72 * 3_600)]);
}
