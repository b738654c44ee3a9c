//! Commands to undo a charge.

use crate::{
    app::{TestApp, is_done, is_refused},
    wire::{attempt, charge, undo},
};
use contracts::{
    command::{StepRef, checkout::RefundPayment},
    event::payments::PaymentRefunded,
    problem::Code,
    rest::payments::PaymentStatus,
};
use harness::PATIENCE;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_captured_is_given_back_once_however_often_it_is_asked() {
    let app = TestApp::new().await;
    let command = charge("tok_visa_ok", 900);
    is_done(&app.charged(&command).await);
    for attempt in 1..4 {
        let back = undo(&command);
        let back = RefundPayment { step: StepRef { attempt, ..back.step }, ..back };
        is_done(&app.wire.ask(&back).await);
    }
    let payment = app.reaches(&command, PaymentStatus::Refunded).await;
    assert_eq!(payment.refunded, command.amount);
    let refunds = app.provider.ledger().await.refunds;
    assert_eq!((refunds.len(), refunds[0].amount), (1, command.amount));
    let told = kit::eventually(PATIENCE, "the event", async || {
        Ok(app.wire.heard(|it: &PaymentRefunded| it.payment_id == payment.id).pop())
    });
    assert_eq!(told.await.unwrap().refunded_total, command.amount);
}

#[tokio::test(flavor = "multi_thread")]
async fn undone_before_it_came_a_charge_is_refused() {
    let app = TestApp::new().await;
    let command = charge("tok_visa_ok", 900);
    let back = undo(&command);
    is_done(&app.wire.ask(&back).await);
    is_refused(&app.charged(&command).await, "undone", "The charge was cancelled before it came.");
    assert!(app.provider.ledger().await.charges.is_empty());
    let path = format!("/v1/orders/{}/payment", command.orders_order_id);
    app.ask("GET", &path, &app.operator, None).await.problem(Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_charge_leaves_nothing_to_undo() {
    let app = TestApp::new().await;
    let command = charge("tok_visa_declined", 900);
    app.charged(&command).await;
    let back = undo(&command);
    is_done(&app.wire.ask(&back).await);
    assert!(app.provider.ledger().await.refunds.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn undone_while_the_provider_was_never_reached_it_is_never_charged() {
    let app = TestApp::new().await;
    app.provider.stop();
    let command = charge("tok_visa_ok", 900);
    app.wire.command(&command).await;
    app.reaches(&command, PaymentStatus::Pending).await;
    // Whether it waits or is in a worker's hands: no connection was ever made.
    let back = undo(&command);
    is_done(&app.wire.ask(&back).await);
    assert_eq!(app.payment(&command).await.status, PaymentStatus::Undone);
    app.provider.come_back(None).await;
    is_refused(&app.charged(&attempt(&command, 2)).await, "undone", "The charge was cancelled before it came.");
    assert!(app.provider.ledger().await.charges.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn undone_while_the_outcome_is_unknown_it_is_settled_first() {
    let app = TestApp::new().await;
    // Charged; neither the answer nor any answer to our questions arrives.
    app.provider.faults(json!([{"kind": "answer_lost", "on": "charge"}, {"kind": "error_5xx", "on": "lookup"}])).await;
    let command = charge("tok_visa_ok", 900);
    app.wire.command(&command).await;
    let charged = kit::eventually(PATIENCE, "the charge", async || {
        Ok((app.provider.ledger().await.charges.len() == 1).then_some(()))
    });
    charged.await.unwrap();
    let back = undo(&command);
    app.wire.command(&back).await;
    let noted = kit::eventually(PATIENCE, "the compensation", async || {
        Ok((app.count("SELECT count(*) FROM payments WHERE undo_step IS NOT NULL").await == 1).then_some(()))
    });
    noted.await.unwrap();
    assert!(app.provider.ledger().await.refunds.is_empty());
    app.provider.faults(json!([])).await;
    is_done(&app.wire.reply(&back.step).await);
    app.reaches(&command, PaymentStatus::Refunded).await;
    app.has_one_charge(&command).await;
    assert_eq!(app.provider.ledger().await.refunds.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_refund_gives_nothing_back_twice() {
    let app = TestApp::new().await;
    let command = charge("tok_visa_ok", 900);
    is_done(&app.charged(&command).await);
    app.provider.faults(json!([{"kind": "answer_lost", "on": "refund", "remaining": 2}])).await;
    let back = undo(&command);
    is_done(&app.wire.ask(&back).await);
    assert_eq!(app.provider.ledger().await.refunds.len(), 1);
    assert_eq!(app.reaches(&command, PaymentStatus::Refunded).await.refunds.len(), 1);
}
