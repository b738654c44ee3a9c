//! A customer who is erased.

use crate::{
    wire::charge,
    world::{SOON, World, is_done, is_refused},
};
use axum::http::StatusCode;
use chrono::Utc;
use contracts::{
    command::checkout::ChargePayment, envelope::Event, event::orders::CustomerErased, rest::payments::Refund,
};
use serde_json::json;
use uuid::Uuid;

impl World {
    async fn erase(&self, customer_id: Uuid) {
        let data = CustomerErased { customer_id, auth_user_id: Uuid::now_v7(), erased_at: Utc::now() };
        self.wire.event(Event::new(customer_id.to_string(), 2, data)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_their_means_of_payment_stays_and_nothing_is_charged_any_more() {
    let world = World::new().await;
    let paid = charge("tok_visa_ok", 100);
    let of_same = |command: ChargePayment| ChargePayment { orders_customer_id: paid.orders_customer_id, ..command };
    let other = charge("tok_visa_ok", 100);
    is_done(&world.charged(&paid).await);
    is_done(&world.charged(&other).await);
    world.provider.stop();
    let waiting = of_same(charge("tok_visa_ok", 200));
    world.wire.command(&waiting).await;
    let waits = kit::eventually(SOON, "the token to wait", async || {
        let sql = "SELECT count(*) FROM provider_calls WHERE provider_token IS NOT NULL AND NOT begun";
        Ok((world.count(sql).await == 1).then_some(()))
    });
    waits.await.unwrap();
    world.erase(paid.orders_customer_id).await;
    let forgotten = kit::eventually(SOON, "the last digits to be forgotten", async || {
        Ok((world.count("SELECT count(*) FROM payments WHERE last_four IS NOT NULL").await == 1).then_some(()))
    });
    forgotten.await.unwrap();
    assert_eq!(world.payment(&other).await.last_four.as_deref(), Some("4242"));
    world.provider.come_back(None).await;
    let late = of_same(charge("tok_visa_ok", 300));
    is_refused(&world.charged(&late).await, "declined", "customer_erased");
    world.wire.reply(&waiting.step).await;
    let sql = "SELECT count(*) FROM payments WHERE last_four IS NOT NULL";
    assert_eq!(world.count(sql).await, 1);
    assert_eq!(world.count("SELECT count(*) FROM provider_calls").await, 0);
    assert!(!world.provider.ledger().await.charges.iter().any(|charge| charge.amount.minor == 300));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_needs_no_token() {
    let world = World::new().await;
    let paid = charge("tok_visa_ok", 100);
    is_done(&world.charged(&paid).await);
    world.erase(paid.orders_customer_id).await;
    let noted = kit::eventually(SOON, "the erasure", async || {
        Ok((world.count("SELECT count(*) FROM erased_customers").await == 1).then_some(()))
    });
    noted.await.unwrap();
    let back = crate::wire::undo(&paid);
    is_done(&world.wire.ask(&back).await);
    let ledger = world.provider.ledger().await;
    assert_eq!(json!(ledger.refunds[0].amount), json!(ledger.charges[0].amount));
}

#[tokio::test(flavor = "multi_thread")]
async fn why_operators_gave_money_back_is_forgotten_and_the_refund_is_not() {
    let world = World::new().await;
    let (paid, other) = (charge("tok_visa_ok", 100), charge("tok_visa_ok", 100));
    is_done(&world.charged(&paid).await);
    is_done(&world.charged(&other).await);
    let (of_erased, of_other) = (world.payment(&paid).await.id, world.payment(&other).await.id);
    let refund: Refund = world.refund(of_erased, "before", 30).await.json(StatusCode::ACCEPTED);
    world.refund(of_other, "other", 30).await.json::<Refund>(StatusCode::ACCEPTED);
    world.erase(paid.orders_customer_id).await;
    let forgotten = kit::eventually(SOON, "the reason to be forgotten", async || {
        Ok((world.count("SELECT count(*) FROM refunds WHERE reason = ''").await == 1).then_some(()))
    });
    forgotten.await.unwrap();
    let told = world.payment(&paid).await.refunds;
    assert_eq!((told[0].id, &*told[0].reason, told[0].amount.minor), (refund.id, "", 30));
    assert_eq!(world.payment(&other).await.refunds[0].reason, "a dent");
    // The same request again is the same refund; of one that comes later it is not kept why.
    let again: Refund = world.refund(of_erased, "before", 30).await.json(StatusCode::ACCEPTED);
    assert_eq!(again.id, refund.id);
    let late: Refund = world.refund(of_erased, "after", 10).await.json(StatusCode::ACCEPTED);
    assert_eq!((&*late.reason, world.count("SELECT count(*) FROM refunds WHERE reason = ''").await), ("", 2));
    // What was kept before there was this rule goes, too.
    world.execute("UPDATE refunds SET reason = 'a dent'").await;
    world.execute(include_str!("../../migrations/0002_forgotten_reasons.sql")).await;
    assert_eq!(world.count("SELECT count(*) FROM refunds WHERE reason = ''").await, 2);
    assert_eq!(world.payment(&other).await.refunds[0].reason, "a dent");
}
