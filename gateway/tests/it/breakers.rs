//! What one client can do to a breaker: nothing. And what the state of a service does.

use std::time::Duration;

use axum::Router;
use axum::routing::{any, get};
use bytes::Bytes;
use futures::future::join_all;
use futures::stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use uuid::Uuid;
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, ResponseTemplate};

use crate::faults::is_ready;
use crate::gate::{Gate, code};

/// Asserts that nothing was held against a service.
async fn is_untouched(gate: &Gate, name: &str) {
    let breaker = gate.breaker(name).await;
    let counts = (&breaker["state"], &breaker["failures"], &breaker["consecutive_failures"]);
    assert_eq!(counts, (&json!("closed"), &json!(0), &json!(0)), "{breaker}");
}

/// Plays redirects that lead somewhere.
async fn redirects(gate: &Gate) {
    let found = ResponseTemplate::new(302).insert_header("location", "https://shop.example/");
    Mock::given(path("/promo")).respond_with(found).mount(&gate.shortener).await;
}

#[tokio::test]
async fn addresses_too_long_for_http_are_the_client_s_fault() {
    let gate = Gate::start().await;
    redirects(&gate).await;
    let long = "a".repeat(70_000);
    for argument in ["search", "tag", "after"] {
        let query = format!("query($long: String) {{ links({argument}: $long) {{ edges {{ node {{ code }} }} }} }}");
        let request = gate.client.post(format!("{}/graphql", gate.url)).bearer_auth(gate.token());
        let request = request.json(&json!({ "query": query, "variables": { "long": long } }));
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        assert!(!["unavailable", "timeout", "bad_upstream"].contains(&code(&answer)), "{answer}");
    }
    // A target that just fits a request does not fit one to the service, whose address is longer.
    for prefix in ["/r/promo?", "/api/shortener/v1/links?search="].repeat(5) {
        let status = status_of(&gate, &format!("{prefix:a<65530}")).await;
        assert!((400..500).contains(&status), "{status}");
    }
    is_untouched(&gate, "shortener").await;
    assert_eq!(gate.get("/r/promo").await.status(), 302);
}

/// Asks for a target that is too long for the client of the other tests.
async fn status_of(gate: &Gate, target: &str) -> u16 {
    let mut stream = TcpStream::connect(gate.url.trim_start_matches("http://")).await.expect("a connection");
    let request = format!("GET {target} HTTP/1.1\r\nhost: vitrine\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("room");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// A service that answers 401 as soon as it has read the head of a request, and hangs up with the body unread: the
/// kernel then resets the connection.
async fn refuses_early() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut some = [0; 512];
            let _ = stream.read(&mut some).await;
            let body = r#"{"code":"unauthenticated"}"#;
            let head = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/problem+json\r\nconnection: close\r\n";
            let _ = stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
        }
    });
    url
}

#[tokio::test]
async fn an_upload_that_is_refused_early_is_answered_as_the_service_said() {
    let gate = Gate::with(json!({ "upstreams": { "payments": { "url": refuses_early().await } } })).await;
    let address = format!("{}/api/payments/v1/payments/batch", gate.url);
    for round in 0..60 {
        let request = gate.client.post(&address).header("content-type", "application/json");
        let pieces = (0..40).map(|_| Ok::<_, std::convert::Infallible>(Bytes::from(vec![b'x'; 2_000])));
        let request = match round % 2 {
            0 => request.body(reqwest::Body::wrap_stream(stream::iter(pieces))),
            _ => request.body(vec![b'x'; 500_000]),
        };
        // The gateway may close, too, before our client has sent all: then there is no answer to look at.
        if let Ok(answer) = request.send().await {
            assert_eq!(answer.status(), 401, "{round}: {:?}", answer.text().await);
        }
    }
    is_untouched(&gate, "payments").await;
}

#[tokio::test]
async fn an_upload_that_is_cut_without_an_answer_is_not_held_against_the_service() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 512]).await;
        }
    });
    let gate = Gate::with(json!({ "upstreams": { "payments": { "url": url } } })).await;
    let endless = stream::repeat_with(|| Ok::<_, std::convert::Infallible>(Bytes::from(vec![b'x'; 2_000])));
    let request = gate.client.post(format!("{}/api/payments/v1/payments/batch", gate.url));
    let answer = request.body(reqwest::Body::wrap_stream(endless)).send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    let problem: Value = answer.json().await.expect("a problem");
    assert_eq!(problem["detail"], "payments stopped reading the request body and did not answer.");
    is_untouched(&gate, "payments").await;
}

#[tokio::test]
async fn one_caller_s_timeouts_bar_that_caller_and_five_callers_open_the_class() {
    // Enough time for the second try of each call on any machine.
    let hanging = json!({ "try_timeout_ms": 50, "deadline_ms": 10_000 });
    let gate = Gate::with(json!({ "upstreams": { "shortener": hanging } })).await;
    redirects(&gate).await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(path_regex("/v1/links/.*")).respond_with(late).mount(&gate.shortener).await;
    let query = "{ link(code: \"promo\") { code } }";
    // Each call is tried twice.
    for _ in 0..2 {
        assert_eq!(code(&gate.ask(query).await), "timeout");
    }
    gate.ask(query).await;
    let barred = gate.ask(query).await;
    assert_eq!(code(&barred), "unavailable", "{barred}");
    let wait = barred["errors"][0]["extensions"]["retryAfterMs"].as_u64().expect("a time");
    assert!((1..=5_000).contains(&wait), "{wait}");
    let ask = async |user: Uuid| gate.ask_as(&gate.issuer.token(user, &["user"]), query).await;
    for _ in 0..3 {
        assert_eq!(code(&ask(Uuid::now_v7()).await), "timeout", "others are not barred");
        assert_eq!(gate.breaker("shortener").await["state"], "closed", "it lives: four callers open nothing");
    }
    ask(Uuid::now_v7()).await;
    let classes = gate.breaker("shortener").await["classes"].clone();
    let states: Vec<_> = ["class", "state"].map(|field| [0, 1, 2].map(|at| classes[at][field].clone())).into();
    assert_eq!(states[0], ["read", "write", "redirect"].map(Value::from));
    assert_ne!(states[1][0], "closed");
    assert_eq!((&states[1][1], &states[1][2]), (&json!("closed"), &json!("closed")));
    assert_eq!(gate.get("/r/promo").await.status(), 302);
}

#[tokio::test]
async fn owners_reads_that_fail_fast_never_take_redirects_down() {
    let gate = Gate::start().await;
    redirects(&gate).await;
    let away = ResponseTemplate::new(503).insert_header("retry-after", "1");
    Mock::given(path("/v1/links")).respond_with(away.clone()).mount(&gate.shortener).await;
    Mock::given(path("/cold")).respond_with(away).mount(&gate.shortener).await;
    is_ready(&gate.shortener, 503).await;
    for _ in 0..10 {
        assert_eq!(gate.get("/api/shortener/v1/links").await.status(), 503);
        assert_eq!(gate.get("/r/cold").await.status(), 503, "not in any cache");
        assert_eq!(gate.get("/r/promo").await.status(), 302);
    }
    gate.until("shortener", "open").await;
    assert_eq!(gate.breaker("shortener").await["classes"][2]["state"], "closed");
    assert_eq!(gate.get("/r/promo").await.status(), 302);
}

#[tokio::test]
async fn fast_5xx_of_a_service_that_is_ready_open_nothing() {
    let gate = Gate::start().await;
    is_ready(&gate.orders, 200).await;
    Mock::given(path_regex("/v1/orders/.*")).respond_with(ResponseTemplate::new(500)).mount(&gate.orders).await;
    for _ in 0..30 {
        assert_eq!(gate.get(&format!("/api/orders/v1/orders/{}", Uuid::now_v7())).await.status(), 500);
    }
    is_untouched(&gate, "orders").await;
}

#[tokio::test]
async fn a_write_that_is_late_says_that_its_outcome_is_unknown() {
    let gate = Gate::with(json!({ "upstreams": { "orders": { "write_deadline_ms": 300 } } })).await;
    let late = ResponseTemplate::new(202).set_delay(Duration::from_secs(30));
    Mock::given(method("POST")).and(path("/v1/orders")).respond_with(late).mount(&gate.orders).await;
    let address = format!("{}/api/orders/v1/orders", gate.url);
    let chunked = stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from("{}"))]);
    for body in [reqwest::Body::from("{}"), reqwest::Body::wrap_stream(chunked)] {
        let request = gate.client.post(&address).header("idempotency-key", "one").bearer_auth(gate.token());
        let answer = request.body(body).send().await.expect("an answer");
        assert_eq!(answer.status(), 504);
        let problem: Value = answer.json().await.expect("a problem");
        assert_eq!(problem["code"], "timeout");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains("not known") && detail.contains("an Idempotency-Key"), "{detail}");
    }
    assert_eq!(gate.breaker("orders").await["failures"], 2, "the breaker learns");
}

#[tokio::test]
async fn an_upload_that_the_service_does_not_read_is_the_service_s_delay() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", hanging.local_addr().expect("an address"));
    let gate = Gate::with(json!({ "upstreams": { "shortener": { "url": url, "write_deadline_ms": 500 } } })).await;
    let request = gate.client.post(format!("{}/api/shortener/v1/links/import", gate.url));
    let answer = request.body(vec![b'x'; 20_000_000]).send().await.expect("an answer");
    assert_eq!(answer.status(), 504);
}

#[tokio::test]
async fn a_restart_loses_no_call() {
    // Bound and not listening: connections are refused, and nobody else gets the port.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_addr().expect("an address");
    // More patience than usual: a busy machine takes long to begin sixty calls.
    let restarting = json!({ "url": format!("http://{address}"), "deadline_ms": 20_000 });
    let gate = Gate::with(json!({ "upstreams": { "shortener": restarting } })).await;
    let calls = (0..60).map(|call| {
        let path = ["/r/promo", "/api/shortener/v1/links"][call % 2];
        let request = match call % 3 {
            0 => gate.client.post(format!("{}/api/shortener/v1/links", gate.url)).body("{}"),
            _ => gate.client.get(format!("{}{path}", gate.url)),
        };
        let request = request.bearer_auth(gate.token());
        async move { request.send().await.expect("an answer").status() }
    });
    let back = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let routes = Router::new().route("/promo", get(|| async { "there" })).fallback(any(|| async { "done" }));
        let listener = socket.listen(128).expect("it listens");
        tokio::spawn(axum::serve(listener, routes).into_future());
    };
    let (statuses, ()) = tokio::join!(join_all(calls), back);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(gate.breaker("shortener").await["state"], "closed");
}

#[tokio::test]
async fn a_service_that_hung_is_closed_again_without_anybody_s_call() {
    // Its connections are accepted by the kernel and never answered, as after SIGSTOP.
    let hanging = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = hanging.local_addr().expect("an address");
    let hanging_too = json!({ "url": format!("http://{address}"), "try_timeout_ms": 100, "deadline_ms": 250 });
    let gate = Gate::with(json!({ "upstreams": { "shortener": hanging_too } })).await;
    assert_eq!(gate.get("/api/shortener/v1/links").await.status(), 504);
    gate.until("shortener", "open").await;
    let refused = gate.get("/api/shortener/v1/links").await;
    assert_eq!(refused.status(), 503);
    let well = Router::new().fallback(any(async || "well"));
    tokio::spawn(axum::serve(hanging, well).into_future());
    // How long that takes is a matter of the prober's pauses, which its own test adds up.
    gate.until("shortener", "closed").await;
    assert_eq!(gate.get("/api/shortener/v1/links").await.status(), 200);
}

#[tokio::test]
async fn connections_that_break_during_an_upload_reach_the_next_caller_well() {
    // What was left over of a refused upload must not be on a connection that is used again.
    let refusing = refuses_early().await;
    let gate = Gate::with(json!({ "upstreams": { "payments": { "url": refusing } } })).await;
    for _ in 0..20 {
        let request = gate.client.post(format!("{}/api/payments/v1/payments/batch", gate.url));
        let _ = request.body(vec![b'x'; 300_000]).send().await;
        assert_eq!(gate.get("/api/payments/v1/payments/1").await.status(), 401);
    }
}
