//! Slow clients wait alone, slow services are told from them, and what lasts ends with its token.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::routing::{get, post};
use chrono::Utc;
use futures::{StreamExt, stream};
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use wiremock::matchers::path;
use wiremock::{Mock, ResponseTemplate};

use crate::gate::{Gate, service};

const AGES: Duration = Duration::from_secs(20);

#[tokio::test]
async fn who_sends_a_small_body_slowly_holds_no_place() {
    let gate = Gate::with(json!({ "upstreams": { "shortener": { "concurrency": 1 } } })).await;
    Mock::given(path("/v1/links")).respond_with(ResponseTemplate::new(201)).mount(&gate.shortener).await;
    let mut slow = Vec::new();
    for beginning in ["content-length: 100\r\n\r\n{", "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"].repeat(3) {
        let mut socket = TcpStream::connect(&gate.url["http://".len()..]).await.expect("a connection");
        let head = format!("POST /api/shortener/v1/links HTTP/1.1\r\nhost: a\r\n{beginning}");
        socket.write_all(head.as_bytes()).await.expect("sent");
        slow.push(socket);
    }
    for _ in 0..5 {
        let answer = gate.client.post(format!("{}/api/shortener/v1/links", gate.url)).body("{}").send().await;
        assert_eq!(answer.expect("an answer").status(), 201);
    }
}

#[tokio::test]
async fn a_slow_answer_to_a_write_is_no_fault_of_the_client() {
    let hangs = post(|request: Request| async move {
        let _ = request.into_body().collect().await;
        std::future::pending::<()>().await;
    });
    let url = service(Router::new().route("/v1/orders", hangs)).await;
    let gate = Gate::with(json!({ "upstreams": { "orders": { "url": url, "write_deadline_ms": 500 } } })).await;
    for size in [10, 200_000] {
        let request = gate.client.post(format!("{}/api/orders/v1/orders", gate.url)).body(vec![b' '; size]);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT, "{size} bytes");
        let problem: Value = answer.json().await.expect("a problem");
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("not known") && detail.contains("Idempotency-Key"), "{detail}");
    }
}

/// A gateway in front of an analytics whose feed has no end.
async fn feeding(live: Value) -> Gate {
    let feed = get(|| async {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from("data: 1\n\n"))]);
        ([("content-type", "text/event-stream")], Body::from_stream(first.chain(stream::pending())))
    });
    let url = service(Router::new().route("/v1/links/{code}/clicks/live", feed)).await;
    Gate::with(json!({ "upstreams": { "analytics": { "url": url } }, "graphql": { "live": live } })).await
}

const FEED: &str = "/api/analytics/v1/links/abc/clicks/live";

#[tokio::test]
async fn a_feed_over_rest_ends_with_its_token() {
    let gate = feeding(json!({})).await;
    let token = gate.issuer.token_with(gate.user, |claims| claims["exp"] = (Utc::now().timestamp() + 2).into());
    let answer = gate.client.get(format!("{}{FEED}", gate.url)).bearer_auth(token).send().await.expect("an answer");
    let mut events = answer.bytes_stream();
    assert_eq!(events.next().await.expect("an event").expect("whole"), "data: 1\n\n");
    let end = timeout(AGES, events.next()).await.expect("it ends");
    assert!(end.is_none(), "and not with an error");
}

#[tokio::test]
async fn one_user_has_so_many_feeds_over_rest() {
    let gate = feeding(json!({ "subscriptions": 1 })).await;
    let first = gate.get(FEED).await;
    assert_eq!(first.status(), 200);
    assert_eq!(gate.get(FEED).await.status(), 429);
    drop(first);
    let again = async || Ok((gate.get(FEED).await.status() == 200).then_some(()));
    kit::eventually(AGES, "the place to be free again", again).await.expect("it is given back");
}
