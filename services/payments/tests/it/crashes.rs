//! The database is lost between the call and its outcome.

use crate::{
    app::{TestApp, is_done},
    wire::charge,
};
use contracts::rest::payments::PaymentStatus;
use harness::PATIENCE;
use serde_json::json;

/// Whatever would write an outcome fails, and its connection is cut.
const SABOTAGE: &str = "
    CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_terminate_backend(pg_backend_pid());
        RETURN NEW;
    END $$;
    CREATE TRIGGER cut BEFORE UPDATE ON payments FOR EACH ROW WHEN (NEW.status = 'captured') EXECUTE FUNCTION cut()";

#[tokio::test(flavor = "multi_thread")]
async fn the_database_connection_is_cut_between_call_and_outcome() {
    let app = TestApp::with(json!({"worker": {"lease_ms": 1_000}})).await;
    sqlx::raw_sql(SABOTAGE).execute(app.pool()).await.unwrap();
    let command = charge("tok_visa_ok", 500);
    app.wire.command(&command).await;
    let charged = kit::eventually(PATIENCE, "the charge", async || {
        Ok((app.provider.ledger().await.charges.len() == 1).then_some(()))
    });
    charged.await.unwrap();
    let tried_again = kit::eventually(PATIENCE, "a second claim, after the lease", async || {
        Ok((app.count("SELECT coalesce(max(tries), 0)::bigint FROM provider_calls").await >= 2).then_some(()))
    });
    tried_again.await.unwrap();
    assert_eq!(app.payment(&command).await.status, PaymentStatus::Pending);
    app.execute("DROP TRIGGER cut ON payments").await;
    is_done(&app.wire.reply(&command.step).await);
    app.has_one_charge(&command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outcome_event_and_reply_are_written_together_or_not_at_all() {
    let app = TestApp::with(json!({"worker": {"lease_ms": 1_000}})).await;
    app.execute("ALTER TABLE outbox ADD CONSTRAINT closed CHECK (routing_key <> 'orders.saga.replied') NOT VALID")
        .await;
    let command = charge("tok_visa_ok", 500);
    app.wire.command(&command).await;
    let tried_again = kit::eventually(PATIENCE, "a second claim, after the lease", async || {
        Ok((app.count("SELECT coalesce(max(tries), 0)::bigint FROM provider_calls").await >= 2).then_some(()))
    });
    tried_again.await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM payments WHERE status <> 'pending'").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM outbox").await, 0);
    app.execute("ALTER TABLE outbox DROP CONSTRAINT closed").await;
    is_done(&app.wire.reply(&command.step).await);
    app.has_one_charge(&command).await;
}
