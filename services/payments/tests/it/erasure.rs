//! A customer who is erased.

use crate::{
    app::{TestApp, is_done, is_refused},
    wire::charge,
};
use axum::http::StatusCode;
use chrono::Utc;
use contracts::{
    command::checkout::ChargePayment, envelope::Event, event::orders::CustomerErased, rest::payments::Refund,
};
use harness::PATIENCE;
use serde_json::json;
use uuid::Uuid;

impl TestApp {
    async fn erase(&self, customer_id: Uuid) {
        let data = CustomerErased { customer_id, auth_user_id: Uuid::now_v7(), erased_at: Utc::now() };
        self.wire.event(Event::new(customer_id.to_string(), 2, data)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_their_means_of_payment_stays_and_nothing_is_charged_any_more() {
    let app = TestApp::new().await;
    let paid = charge("tok_visa_ok", 100);
    let of_same = |command: ChargePayment| ChargePayment { orders_customer_id: paid.orders_customer_id, ..command };
    let other = charge("tok_visa_ok", 100);
    is_done(&app.charged(&paid).await);
    is_done(&app.charged(&other).await);
    app.provider.stop();
    let waiting = of_same(charge("tok_visa_ok", 200));
    app.wire.command(&waiting).await;
    let waits = kit::eventually(PATIENCE, "the token to wait", async || {
        let sql = "SELECT count(*) FROM provider_calls WHERE provider_token IS NOT NULL AND NOT begun";
        Ok((app.count(sql).await == 1).then_some(()))
    });
    waits.await.unwrap();
    app.erase(paid.orders_customer_id).await;
    let forgotten = kit::eventually(PATIENCE, "the last digits to be forgotten", async || {
        Ok((app.count("SELECT count(*) FROM payments WHERE last_four IS NOT NULL").await == 1).then_some(()))
    });
    forgotten.await.unwrap();
    assert_eq!(app.payment(&other).await.last_four.as_deref(), Some("4242"));
    app.provider.come_back(None).await;
    let late = of_same(charge("tok_visa_ok", 300));
    is_refused(&app.charged(&late).await, "declined", "customer_erased");
    app.wire.reply(&waiting.step).await;
    let sql = "SELECT count(*) FROM payments WHERE last_four IS NOT NULL";
    assert_eq!(app.count(sql).await, 1);
    assert_eq!(app.count("SELECT count(*) FROM provider_calls").await, 0);
    assert!(!app.provider.ledger().await.charges.iter().any(|charge| charge.amount.minor == 300));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_needs_no_token() {
    let app = TestApp::new().await;
    let paid = charge("tok_visa_ok", 100);
    is_done(&app.charged(&paid).await);
    app.erase(paid.orders_customer_id).await;
    let noted = kit::eventually(PATIENCE, "the erasure", async || {
        Ok((app.count("SELECT count(*) FROM erased_customers").await == 1).then_some(()))
    });
    noted.await.unwrap();
    let back = crate::wire::undo(&paid);
    is_done(&app.wire.ask(&back).await);
    let ledger = app.provider.ledger().await;
    assert_eq!(json!(ledger.refunds[0].amount), json!(ledger.charges[0].amount));
}

#[tokio::test(flavor = "multi_thread")]
async fn why_operators_gave_money_back_is_forgotten_and_the_refund_is_not() {
    let app = TestApp::new().await;
    let (paid, other) = (charge("tok_visa_ok", 100), charge("tok_visa_ok", 100));
    is_done(&app.charged(&paid).await);
    is_done(&app.charged(&other).await);
    let (of_erased, of_other) = (app.payment(&paid).await.id, app.payment(&other).await.id);
    let refund: Refund = app.refund(of_erased, "before", 30).await.json(StatusCode::ACCEPTED);
    app.refund(of_other, "other", 30).await.json::<Refund>(StatusCode::ACCEPTED);
    app.erase(paid.orders_customer_id).await;
    let forgotten = kit::eventually(PATIENCE, "the reason to be forgotten", async || {
        Ok((app.count("SELECT count(*) FROM refunds WHERE reason = ''").await == 1).then_some(()))
    });
    forgotten.await.unwrap();
    let told = app.payment(&paid).await.refunds;
    assert_eq!((told[0].id, &*told[0].reason, told[0].amount.minor), (refund.id, "", 30));
    assert_eq!(app.payment(&other).await.refunds[0].reason, "a dent");
    // The same request again is the same refund; of one that comes later it is not kept why.
    let again: Refund = app.refund(of_erased, "before", 30).await.json(StatusCode::ACCEPTED);
    assert_eq!(again.id, refund.id);
    let late: Refund = app.refund(of_erased, "after", 10).await.json(StatusCode::ACCEPTED);
    assert_eq!((&*late.reason, app.count("SELECT count(*) FROM refunds WHERE reason = ''").await), ("", 2));
    // What was kept before there was this rule goes, too.
    app.execute("UPDATE refunds SET reason = 'a dent'").await;
    app.execute(include_str!("../../migrations/0002_forgotten_reasons.sql")).await;
    assert_eq!(app.count("SELECT count(*) FROM refunds WHERE reason = ''").await, 2);
    assert_eq!(app.payment(&other).await.refunds[0].reason, "a dent");
}
