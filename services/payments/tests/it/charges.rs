//! Commands to charge.

use crate::{
    app::{TestApp, is_done, is_refused},
    wire::{attempt, charge},
};
use contracts::{
    command::{Direction, Outcome, Replied, checkout::PaymentChargedAnswer},
    event::payments::{PaymentCaptured, PaymentDeclined},
    rest::payments::PaymentStatus,
};
use kit::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_payment_replies_tells_its_event_and_keeps_no_token() {
    let app = TestApp::new().await;
    let command = charge("tok_visa_ok", 12_900);
    let outcome = app.charged(&command).await;
    let Outcome::Done { answer } = outcome else { panic!("{outcome:?}") };
    let answer: PaymentChargedAnswer = serde_json::from_value(answer).unwrap();
    let payment = app.payment(&command).await;
    assert_eq!(payment.id, answer.payment_id);
    assert_eq!((payment.status, payment.amount, payment.refunded.minor), (PaymentStatus::Captured, command.amount, 0));
    assert_eq!(payment.last_four.as_deref(), Some("4242"));
    app.has_one_charge(&command).await;
    let captured = eventually(harness::PATIENCE, "the event", async || {
        Ok(app.wire.heard(|it: &PaymentCaptured| it.payment_id == payment.id).pop())
    });
    let captured = captured.await.unwrap();
    assert_eq!((captured.orders_order_id, captured.amount), (command.orders_order_id, command.amount));
    let told = app.count("SELECT count(*) FROM payments p WHERE p::text LIKE '%tok_%'").await;
    assert_eq!(told, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decline_is_an_answer_of_the_business() {
    let app = TestApp::new().await;
    for (token, reason) in [("tok_visa_declined", "insufficient_funds"), ("tok_visa_expired", "expired_card")] {
        let command = charge(token, 5);
        is_refused(&app.charged(&command).await, "declined", reason);
        let payment = app.payment(&command).await;
        assert_eq!((payment.status, payment.decline_reason.as_deref()), (PaymentStatus::Declined, Some(reason)));
        app.has_one_charge(&command).await;
        let event = eventually(harness::PATIENCE, "the event", async || {
            Ok(app.wire.heard(|it: &PaymentDeclined| it.payment_id == payment.id).pop())
        });
        assert_eq!(event.await.unwrap().reason, reason);
    }
    let nothing = charge("tok_visa_ok", 0);
    is_refused(&app.charged(&nothing).await, "declined", "invalid_amount");
    assert_eq!(app.provider.ledger().await.charges.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_command_has_one_effect_and_each_attempt_its_reply() {
    let app = TestApp::new().await;
    let command = charge("tok_visa_ok", 100);
    let first = app.charged(&command).await;
    for number in 2..5 {
        assert_eq!(app.charged(&attempt(&command, number)).await, first);
    }
    app.has_one_charge(&command).await;
    assert_eq!(app.wire.heard(|it: &PaymentCaptured| it.orders_order_id == command.orders_order_id).len(), 1);
    assert_eq!(app.count("SELECT count(*) FROM payments").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_pending_only_the_newest_attempt_is_replied_to() {
    let app = TestApp::new().await;
    app.provider.faults(serde_json::json!([{"kind": "error_5xx"}])).await;
    let command = charge("tok_visa_ok", 100);
    for number in [1, 3, 2] {
        app.wire.command(&attempt(&command, number)).await;
    }
    let noted = eventually(harness::PATIENCE, "the newest attempt", async || {
        let noted = app.count("SELECT coalesce(max((charge_step->>'attempt')::bigint), 0) FROM payments").await;
        Ok((noted == 3).then_some(()))
    });
    noted.await.unwrap();
    // A command behind the others, of the same saga: when it was handled, they were.
    let probe = crate::wire::undo(&contracts::command::checkout::ChargePayment {
        step: contracts::command::StepRef { step: "another".to_owned(), ..command.step.clone() },
        ..command.clone()
    });
    is_done(&app.wire.ask(&probe).await);
    app.provider.faults(serde_json::json!([])).await;
    is_done(&app.wire.reply(&attempt(&command, 3).step).await);
    let (saga, forward) = (command.step.saga_id, Direction::Forward);
    let replied = |it: &Replied| it.step.saga_id == saga && it.step.direction == forward;
    assert_eq!(app.wire.heard(replied).len(), 1);
    app.has_one_charge(&command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sagas_at_once_are_charged_once_each() {
    let app = TestApp::with(serde_json::json!({"worker": {"at_once": 8}})).await;
    let commands: Vec<_> = (0..100).map(|n| charge("tok_visa_ok", n + 1)).collect();
    futures::future::join_all(commands.iter().map(|command| app.wire.command(command))).await;
    for command in &commands {
        is_done(&app.wire.reply(&command.step).await);
    }
    let ledger = app.provider.ledger().await;
    assert_eq!(ledger.charges.len(), 100);
    assert_eq!(app.count("SELECT count(*) FROM provider_calls").await, 0);
}
