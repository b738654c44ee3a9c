//! Webhooks: signed, at least once, until heard.

use crate::world::{Heard, SECRET, World};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

async fn heard(by: &Heard, count: usize) -> Vec<Value> {
    let all = kit::eventually(SOON, "webhooks", async || {
        let all = by.all();
        Ok((all.len() >= count).then_some(all))
    });
    let all = all.await.unwrap();
    assert_eq!(all.len(), count);
    for (signature, body) in &all {
        let time = signature.split_once("t=").unwrap().1.split_once(',').unwrap().0.parse().unwrap();
        assert_eq!(*signature, providers::webhooks::sign(&SECRET.into(), time, body));
    }
    all.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
}

#[tokio::test]
async fn outcomes_are_told_again_until_they_are_heard() {
    let by = Heard::answering([500, 404, 200]).await;
    let world = World::telling(&by).await;
    let charge = world.charge("a", "tok_visa_ok", 5).await;
    let events = heard(&by, 3).await;
    assert!(events.iter().all(|event| *event == events[0]));
    assert_eq!(events[0]["type"], "charge.captured");
    assert_eq!(events[0]["data"], serde_json::to_value(&charge).unwrap());
    world.charge("a", "tok_visa_ok", 5).await;
    world.charge("b", "tok_visa_declined", 5).await;
    world.refund(&charge, "r", 2).await.unwrap();
    let events = heard(&by, 5).await;
    let mut kinds: Vec<_> = events[3..].iter().map(|event| event["type"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["charge.declined", "refund.succeeded"]);
}

#[tokio::test]
async fn a_duplicate_has_the_same_event_id() {
    let by = Heard::answering([]).await;
    let world = World::telling(&by).await;
    world.faults(json!([{"kind": "duplicate_webhook", "remaining": 1}])).await;
    world.charge("a", "tok_visa_ok", 5).await;
    let events = heard(&by, 2).await;
    assert_eq!(events[0]["id"], events[1]["id"]);
}

#[tokio::test]
async fn what_was_not_told_is_told_by_the_next_process() {
    let world = World::new().await;
    let charge = world.charge("a", "tok_visa_ok", 5).await;
    let by = Heard::answering([]).await;
    let next = World::on(world.folder.clone(), Some(&by.url)).await;
    let events = heard(&by, 1).await;
    assert_eq!(events[0]["data"]["id"], charge.id);
    let noted = kit::eventually(SOON, "the note that it was told", async || {
        let file = std::fs::read_to_string(next.folder.path().join("payments.jsonl"))?;
        Ok(file.contains("\"told\"").then_some(()))
    });
    noted.await.unwrap();
}
