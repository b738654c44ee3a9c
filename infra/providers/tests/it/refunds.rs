//! Refunds: once per key, and never more than the charge.

use crate::world::World;

#[tokio::test]
async fn refunds_never_exceed_the_charge_also_when_they_come_together() {
    let world = World::new().await;
    let charge = world.charge("a", "tok_visa_ok", 100).await;
    let keys: Vec<String> = (0..10).map(|n| format!("r{n}")).collect();
    let all = keys.iter().map(|key| world.refund(&charge, key, 30));
    let answers = futures::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3);
    assert!(answers.iter().all(|answer| answer.is_ok() || *answer == Err(400)));
    world.refund(&charge, "rest", 10).await.unwrap();
    let given_back: i64 = world.ledger().await.refunds.iter().map(|refund| refund.amount.minor).sum();
    assert_eq!(given_back, 100);
}

#[tokio::test]
async fn a_repeated_key_has_the_same_answer_and_another_body_is_refused() {
    let world = World::new().await;
    let charge = world.charge("a", "tok_visa_ok", 100).await;
    let declined = world.charge("b", "tok_visa_declined", 100).await;
    let refund = world.refund(&charge, "r", 100).await.unwrap();
    assert_eq!(world.refund(&charge, "r", 100).await, Ok(refund.clone()));
    assert_eq!(world.refund(&charge, "r", 99).await, Err(409));
    assert_eq!(world.refund(&declined, "s", 1).await, Err(409));
    let unknown = providers::payment::Charge { id: "ch_unknown".to_owned(), ..charge };
    assert_eq!(world.refund(&unknown, "s", 1).await, Err(404));
    let found = world.get("/refunds?idempotency_key=r").send().await.unwrap();
    assert_eq!(found.json::<providers::payment::Refund>().await.unwrap(), refund);
    assert_eq!(world.get("/refunds?idempotency_key=s").send().await.unwrap().status(), 404);
}
