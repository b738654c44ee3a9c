//! A Postgres that cannot do its work for the moment.

use crate::{
    wire::charge,
    world::{SOON, World, is_done},
};
use axum::http::StatusCode;
use contracts::{problem::Code, rest::payments::PaymentStatus};

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_only_reads_payments_are_read_and_refunds_and_webhooks_are_told_to_come_again() {
    let world = World::new().await.with_webhooks().await;
    let command = charge("tok_visa_ok", 700);
    is_done(&world.charged(&command).await);
    let payment = world.payment(&command).await;
    world.sandbox.alter_role("payments", "SET default_transaction_read_only = on").await.unwrap();
    let (path, token) = (format!("/v1/payments/{}", payment.id), world.operator());
    let read = async || match world.ask("GET", &path, &token, None).await {
        answer if answer.status == StatusCode::OK => Ok(Some(())),
        answer => {
            answer.problem(Code::Unavailable);
            Ok(None)
        }
    };
    kit::eventually(SOON, "connections that were cut off to be made again", read).await.unwrap();
    let refused = world.refund(payment.id, "key", 100).await;
    refused.problem(Code::Unavailable);
    assert!(refused.headers.contains_key("retry-after"));

    // What came meanwhile is done when Postgres writes again.
    let waiting = charge("tok_visa_ok", 900);
    world.wire.command(&waiting).await;
    world.sandbox.alter_role("payments", "RESET default_transaction_read_only").await.unwrap();
    world.reaches(&waiting, PaymentStatus::Captured).await;
    world.has_one_charge(&waiting).await;
}
