//! REST and redirects, passed through.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::routing::{get, post};
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, ResponseTemplate};

use crate::gate::{Gate, requests, service};

#[tokio::test]
async fn a_call_passes_with_its_client_and_without_lies() {
    let gate = Gate::start().await;
    let answer = ResponseTemplate::new(201).insert_header("etag", "\"7\"").insert_header("set-cookie", "a=b");
    Mock::given(method("POST"))
        .and(path("/v1/links"))
        .respond_with(answer.set_body_string("made"))
        .mount(&gate.shortener)
        .await;
    let token = gate.token();
    let request = gate.client.post(format!("{}/api/shortener/v1/links?dry=1&x=%C3%A4", gate.url)).bearer_auth(&token);
    let request =
        request.header("x-forwarded-for", "203.0.113.77").header("x-real-ip", "10.0.0.1").header("cookie", "a=b");
    let answer = request.header("x-request-id", "order-17").body("{\"url\":1}").send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    assert_eq!(
        (&answer.headers()["etag"], &answer.headers()["x-request-id"]),
        (&"\"7\"".parse().expect("a value"), &"order-17".parse().expect("a value"))
    );
    assert!(!answer.headers().contains_key("set-cookie"));
    assert_eq!(answer.text().await.expect("text"), "made");
    let sent = &gate.shortener.received_requests().await.expect("recorded")[0];
    assert_eq!(sent.url.query(), Some("dry=1&x=%C3%A4"));
    assert_eq!(sent.body, b"{\"url\":1}");
    assert_eq!(sent.headers["authorization"], format!("Bearer {token}").as_str());
    // The test's own address is a trusted proxy: its word on the client is taken, and passed on alone.
    assert_eq!(sent.headers["x-forwarded-for"], "203.0.113.77");
    assert_eq!(sent.headers["x-request-id"], "order-17");
    assert!(!sent.headers.contains_key("cookie") && !sent.headers.contains_key("x-real-ip"));
}

#[tokio::test]
async fn only_public_paths_of_known_services_are_reachable() {
    let gate = Gate::start().await;
    for service in [&gate.auth, &gate.shortener, &gate.analytics] {
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(service).await;
    }
    for hidden in [
        "shortener/metrics",
        "shortener/health/ready",
        "auth/v2/users",
        "nobody/v1/links",
        "shortener/v1/..%2fmetrics",
        "shortener/abc1234",
        "shortener/v1/%2e%2e/metrics",
    ] {
        let answer = gate.get(&format!("/api/{hidden}")).await;
        assert_eq!(answer.status(), 404, "{hidden}");
        assert_eq!(answer.json::<Value>().await.expect("JSON")["code"], "not_found");
    }
    for hidden in ["metrics", "health", "a%2Fb", "v1", "%2e%2e"] {
        assert_eq!(gate.get(&format!("/r/{hidden}")).await.status(), 404, "{hidden}");
    }
    assert_eq!(gate.shortener.received_requests().await.expect("recorded").len(), 0);
    assert_eq!(gate.get("/api/auth/.well-known/jwks.json").await.status(), 200);
}

#[tokio::test]
async fn orders_inventory_and_payments_are_reachable_and_the_provider_s_webhook_is_not() {
    let gate = Gate::start().await;
    for service in [&gate.orders, &gate.inventory, &gate.payments] {
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(service).await;
    }
    for open in [
        "orders/v1/orders",
        "orders/v1/sagas",
        "inventory/v1/products",
        "payments/v1/payments/1",
        "payments/v1/orders/1/payment",
        "payments/v1/dead-letters",
    ] {
        assert_eq!(gate.get(&format!("/api/{open}")).await.status(), 200, "{open}");
    }
    let webhook = format!("{}/api/payments/v1/webhooks/provider", gate.url);
    assert_eq!(gate.client.post(webhook).send().await.expect("an answer").status(), 404);
    assert_eq!(gate.get("/api/payments/v1/%77ebhooks/provider").await.status(), 404);
    assert_eq!(gate.payments.received_requests().await.expect("recorded").len(), 3);
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    // Answers each piece of the upload as it comes.
    let echo = post(|request: Request| async move { Body::from_stream(request.into_body().into_data_stream()) });
    let url = service(Router::new().route("/v1/echo", echo)).await;
    let gate = Gate::with(json!({ "upstreams": { "shortener": { "url": url } } })).await;
    let (pieces, upload) = mpsc::channel::<Bytes>(1);
    let upload = stream::unfold(upload, |mut upload| async { upload.recv().await.map(|piece| (piece, upload)) });
    let body = reqwest::Body::wrap_stream(upload.map(Ok::<_, std::convert::Infallible>));
    // More than is taken whole.
    let first = vec![b'x'; 70_000];
    pieces.send(first.clone().into()).await.expect("room");
    let request = gate.client.post(format!("{}/api/shortener/v1/echo", gate.url)).body(body);
    let mut answer = request.send().await.expect("headers come before the upload has ended").bytes_stream();
    let mut echoed = Vec::new();
    while echoed.len() < first.len() {
        echoed.extend_from_slice(&answer.next().await.expect("a piece").expect("whole"));
    }
    assert!(echoed == first);
    pieces.send("second".into()).await.expect("room");
    assert_eq!(answer.next().await.expect("a piece").expect("whole"), "second");
    drop(pieces);
    assert!(answer.next().await.is_none());
}

#[tokio::test]
async fn live_events_arrive_as_they_happen_and_hold_no_place() {
    let feed = get(|| async {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from("data: 1\n\n"))]);
        ([("content-type", "text/event-stream")], Body::from_stream(first.chain(stream::pending())))
    });
    let url = service(Router::new().route("/v1/links/{code}/clicks/live", feed)).await;
    let gate = Gate::with(json!({ "upstreams": { "analytics": { "url": url, "concurrency": 1 } } })).await;
    let mut feeds = Vec::new();
    for _ in 0..3 {
        let mut events = gate.get("/api/analytics/v1/links/abc/clicks/live").await.bytes_stream();
        assert_eq!(events.next().await.expect("an event").expect("whole"), "data: 1\n\n");
        feeds.push(events);
    }
    assert_eq!(gate.breaker("analytics").await["failures"], 0);
}

#[tokio::test]
async fn a_client_who_is_slow_or_sends_too_much_is_not_held_against_the_service() {
    let sink =
        post(
            |request: Request| async move { request.into_body().collect().await.map(|_| "read").map_err(|_| "broken") },
        );
    let url = service(Router::new().route("/v1/sink", sink)).await;
    let gate = Gate::with(json!({
        "upstreams": { "shortener": { "url": url, "write_deadline_ms": 300 } },
        "proxy": { "body_limit": 100 },
    }))
    .await;
    let address = format!("{}/api/shortener/v1/sink", gate.url);
    let large = stream::iter((0..10).map(|_| Ok::<_, std::convert::Infallible>(Bytes::from(vec![0; 50]))));
    let answer = gate.client.post(&address).body(reqwest::Body::wrap_stream(large)).send().await.expect("an answer");
    assert_eq!(answer.status(), 413);
    let slow = stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from("a"))]).chain(stream::pending());
    let answer = gate.client.post(&address).body(reqwest::Body::wrap_stream(slow)).send().await.expect("an answer");
    assert_eq!(answer.status(), 400);
    let breaker = gate.breaker("shortener").await;
    assert_eq!((&breaker["calls"], &breaker["failures"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn redirects_pass_untouched_and_are_not_followed() {
    let gate = Gate::start().await;
    let answer = ResponseTemplate::new(302)
        .insert_header("location", "https://shop.example/promo")
        .insert_header("cache-control", "private, no-store");
    Mock::given(path("/promo")).respond_with(answer).mount(&gate.shortener).await;
    for method in ["GET", "HEAD"] {
        let request = gate.client.request(method.parse().expect("a method"), format!("{}/r/promo?utm=1", gate.url));
        let request = request
            .header("user-agent", "Mozilla/5.0")
            .header("referer", "https://news.example/")
            .bearer_auth("nonsense");
        let answer = request.header("x-forwarded-for", "203.0.113.77").send().await.expect("an answer");
        assert_eq!(answer.status(), 302);
        assert_eq!(answer.headers()["location"], "https://shop.example/promo");
        assert_eq!(answer.headers()["cache-control"], "private, no-store");
        assert_eq!(requests(&gate.shortener, method, "/promo").await, 1);
    }
    let sent = &gate.shortener.received_requests().await.expect("recorded")[0];
    assert_eq!(sent.url.query(), Some("utm=1"));
    assert_eq!(
        (&sent.headers["user-agent"], &sent.headers["referer"]),
        (&"Mozilla/5.0".parse().expect("a value"), &"https://news.example/".parse().expect("a value"))
    );
    assert_eq!(sent.headers["x-forwarded-for"], "203.0.113.77");
    assert!(!sent.headers.contains_key("authorization"), "who follows a link shows no token");
    assert_eq!(gate.client.post(format!("{}/r/promo", gate.url)).send().await.expect("an answer").status(), 405);
}

#[tokio::test]
async fn a_percent_encoded_code_is_asked_for_as_it_is_meant() {
    let gate = Gate::start().await;
    Mock::given(path("/pro-mo")).respond_with(ResponseTemplate::new(302)).mount(&gate.shortener).await;
    for spelled in ["/r/pro-mo", "/r/pro%2Dmo", "/r/%70ro-mo"] {
        assert_eq!(gate.get(spelled).await.status(), 302, "{spelled}");
    }
    assert_eq!(requests(&gate.shortener, "GET", "/pro-mo").await, 3);
}

#[tokio::test]
async fn people_get_a_page_in_their_language_wherever_an_address_can_lead_them() {
    let gate = Gate::start().await;
    let away = ResponseTemplate::new(503).set_delay(Duration::from_secs(30));
    Mock::given(path("/slow")).respond_with(away).mount(&gate.shortener).await;
    let ask = async |address: &str, accept: &str, languages: &str| {
        let request = gate.client.get(format!("{}{address}", gate.url)).header("accept", accept);
        request.header("accept-language", languages).send().await.expect("an answer")
    };
    for address in ["/", "/r/a.b", "/r/promo)", "/r/promo/", "/r/promo/more", "/r/ol%C3%A1", "/r/slow"] {
        let status = if address == "/r/slow" { 504 } else { 404 };
        let answer = ask(address, "text/html,*/*;q=0.8", "pt-BR,en;q=0.5").await;
        assert_eq!(answer.status().as_u16(), status, "{address}");
        assert_eq!(answer.headers()["content-language"], "pt", "{address}");
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8", "{address}");
        assert!(answer.text().await.expect("a page").contains("<html lang=\"pt\">"), "{address}");
        let answer = ask(address, "*/*", "pt").await;
        assert_eq!(answer.status().as_u16(), status, "{address}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{address}");
    }
}

#[tokio::test]
async fn a_redirect_that_failed_is_not_asked_for_twice() {
    let gate = Gate::start().await;
    let late = ResponseTemplate::new(503).set_delay(Duration::from_millis(10));
    Mock::given(path("/promo")).respond_with(late).mount(&gate.shortener).await;
    assert_eq!(gate.get("/r/promo").await.status(), 503);
    assert_eq!(requests(&gate.shortener, "GET", "/promo").await, 1);
}
