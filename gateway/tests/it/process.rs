//! The program itself, on its two addresses, and how it ends.

use http::Method;
use kit::{Sandbox, Stack};

#[tokio::test]
async fn metrics_are_for_operators_and_a_planned_end_loses_no_request() {
    chassis::jwt::crypto::install();
    let sandbox = Sandbox::of("gateway").await.expect("Redis for tests runs");
    let builder = Stack::builder(&sandbox).env("gateway", "GATEWAY_HTTP__CLIENTS__FAREWELL_MS", "3000");
    let stack = builder.start(&["gateway"]).await.expect("the gateway starts");
    let (client, url) = (chassis::client::new(), stack.url("gateway"));
    let ask = async |method: Method, url: String| client.request(method, url).send().await.expect("an answer");

    let invented = Method::from_bytes(b"PURGE").expect("a method");
    assert_eq!(ask(invented, format!("{url}/graphql")).await.status(), 405);
    assert_eq!(ask(Method::GET, format!("{url}/metrics")).await.status(), 404, "strangers see no metrics");
    let metrics = ask(Method::GET, format!("{}/metrics", stack.operators_url())).await.text().await.expect("text");
    assert!(metrics.contains("http_connections") && metrics.contains("method=\"_OTHER\""), "{metrics}");
    assert!(!metrics.contains("PURGE"), "clients invent no labels");

    let asks = async {
        loop {
            let answer = ask(Method::GET, format!("{url}/health/live")).await;
            assert_eq!(answer.status(), 200);
            if answer.headers().get("connection").is_some_and(|value| value == "close") {
                return;
            }
        }
    };
    let (stopped, ()) = tokio::join!(stack.stop("gateway"), asks);
    stopped.expect("the gateway ends");
}
