//! A Postgres that cannot do its work for the moment.

use crate::{
    app::{TestApp, is_done},
    wire::charge,
};
use contracts::{problem::Code, rest::payments::PaymentStatus};

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_only_reads_payments_are_read_and_refunds_and_webhooks_are_told_to_come_again() {
    let app = TestApp::new().await.with_webhooks().await;
    let command = charge("tok_visa_ok", 700);
    is_done(&app.charged(&command).await);
    let payment = app.payment(&command).await;
    app.sandbox.alter_role("payments", "SET default_transaction_read_only = on").await.unwrap();
    app.is_read_again(&format!("/v1/payments/{}", payment.id), &app.operator).await;
    let refused = app.refund(payment.id, "key", 100).await;
    refused.problem(Code::Unavailable);
    assert!(refused.headers.contains_key("retry-after"));

    // What came meanwhile is done when Postgres writes again.
    let waiting = charge("tok_visa_ok", 900);
    app.wire.command(&waiting).await;
    app.sandbox.alter_role("payments", "RESET default_transaction_read_only").await.unwrap();
    app.reaches(&waiting, PaymentStatus::Captured).await;
    app.has_one_charge(&waiting).await;
}
