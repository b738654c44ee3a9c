//! The breaker: opens, and work goes on by itself when the provider is well again.

use crate::{
    app::{TestApp, is_done},
    wire::charge,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_open_nothing_is_called_and_nothing_is_lost() {
    let app = TestApp::with(json!({"provider": {"breaker_open_ms": 1_500, "breaker_open_longest_ms": 1_500}})).await;
    app.provider.faults(json!([{"kind": "error_5xx", "remaining": 8}])).await;
    let commands: Vec<_> = (0..30).map(|n| charge("tok_visa_ok", n + 1)).collect();
    futures::future::join_all(commands.iter().map(|command| app.wire.command(command))).await;
    for command in &commands {
        is_done(&app.wire.reply(&command.step).await);
    }
    assert_eq!(app.provider.ledger().await.charges.len(), 30);
    assert_eq!(app.count("SELECT count(*) FROM provider_calls").await, 0);
}
