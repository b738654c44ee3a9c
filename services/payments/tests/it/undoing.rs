//! Commands to undo a charge.

use crate::{
    wire::{attempt, charge, undo},
    world::{SOON, World, is_done, is_refused},
};
use contracts::{
    command::{StepRef, checkout::RefundPayment},
    event::payments::PaymentRefunded,
    problem::Code,
    rest::payments::PaymentStatus,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_captured_is_given_back_once_however_often_it_is_asked() {
    let world = World::new().await;
    let command = charge("tok_visa_ok", 900);
    is_done(&world.charged(&command).await);
    for attempt in 1..4 {
        let back = undo(&command);
        let back = RefundPayment { step: StepRef { attempt, ..back.step }, ..back };
        is_done(&world.wire.ask(&back).await);
    }
    let payment = world.reaches(&command, PaymentStatus::Refunded).await;
    assert_eq!(payment.refunded, command.amount);
    let refunds = world.provider.ledger().await.refunds;
    assert_eq!((refunds.len(), refunds[0].amount), (1, command.amount));
    let told = kit::eventually(SOON, "the event", async || {
        Ok(world.wire.heard(|it: &PaymentRefunded| it.payment_id == payment.id).pop())
    });
    assert_eq!(told.await.unwrap().refunded_total, command.amount);
}

#[tokio::test(flavor = "multi_thread")]
async fn undone_before_it_came_a_charge_is_refused() {
    let world = World::new().await;
    let command = charge("tok_visa_ok", 900);
    let back = undo(&command);
    is_done(&world.wire.ask(&back).await);
    is_refused(&world.charged(&command).await, "undone", "The charge was cancelled before it came.");
    assert!(world.provider.ledger().await.charges.is_empty());
    let path = format!("/v1/orders/{}/payment", command.orders_order_id);
    world.ask("GET", &path, &world.operator(), None).await.problem(Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_charge_leaves_nothing_to_undo() {
    let world = World::new().await;
    let command = charge("tok_visa_declined", 900);
    world.charged(&command).await;
    let back = undo(&command);
    is_done(&world.wire.ask(&back).await);
    assert!(world.provider.ledger().await.refunds.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn undone_while_the_provider_was_never_reached_it_is_never_charged() {
    let world = World::new().await;
    world.provider.stop();
    let command = charge("tok_visa_ok", 900);
    world.wire.command(&command).await;
    world.reaches(&command, PaymentStatus::Pending).await;
    // Whether it waits or is in a worker's hands: no connection was ever made.
    let back = undo(&command);
    is_done(&world.wire.ask(&back).await);
    assert_eq!(world.payment(&command).await.status, PaymentStatus::Undone);
    world.provider.come_back(None).await;
    is_refused(&world.charged(&attempt(&command, 2)).await, "undone", "The charge was cancelled before it came.");
    assert!(world.provider.ledger().await.charges.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn undone_while_the_outcome_is_unknown_it_is_settled_first() {
    let world = World::new().await;
    // Charged; neither the answer nor any answer to our questions arrives.
    world
        .provider
        .faults(json!([{"kind": "answer_lost", "on": "charge"}, {"kind": "error_5xx", "on": "lookup"}]))
        .await;
    let command = charge("tok_visa_ok", 900);
    world.wire.command(&command).await;
    let charged = kit::eventually(SOON, "the charge", async || {
        Ok((world.provider.ledger().await.charges.len() == 1).then_some(()))
    });
    charged.await.unwrap();
    let back = undo(&command);
    world.wire.command(&back).await;
    let noted = kit::eventually(SOON, "the compensation", async || {
        Ok((world.count("SELECT count(*) FROM payments WHERE undo_step IS NOT NULL").await == 1).then_some(()))
    });
    noted.await.unwrap();
    assert!(world.provider.ledger().await.refunds.is_empty());
    world.provider.faults(json!([])).await;
    is_done(&world.wire.reply(&back.step).await);
    world.reaches(&command, PaymentStatus::Refunded).await;
    world.has_one_charge(&command).await;
    assert_eq!(world.provider.ledger().await.refunds.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_refund_gives_nothing_back_twice() {
    let world = World::new().await;
    let command = charge("tok_visa_ok", 900);
    is_done(&world.charged(&command).await);
    world.provider.faults(json!([{"kind": "answer_lost", "on": "refund", "remaining": 2}])).await;
    let back = undo(&command);
    is_done(&world.wire.ask(&back).await);
    assert_eq!(world.provider.ledger().await.refunds.len(), 1);
    assert_eq!(world.reaches(&command, PaymentStatus::Refunded).await.refunds.len(), 1);
}
