//! The operators' address.

use futures::{Stream, StreamExt};
use serde_json::{Value, json};

use crate::gate::Gate;

async fn post(gate: &Gate, path: &str, body: Value) -> (u16, Value) {
    let request = gate.client.post(format!("{}{path}", gate.operators_url)).bearer_auth(gate.operator()).json(&body);
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn only_operators_see_and_move_breakers() {
    let gate = Gate::start().await;
    let routes = [
        ("GET", "/breakers"),
        ("GET", "/breakers/auth"),
        ("GET", "/breakers/events"),
        ("GET", "/breakers/audit"),
        ("POST", "/breakers/auth/force"),
        ("POST", "/breakers/auth/reset"),
        ("POST", "/breakers/auth/probe"),
    ];
    for (method, path) in routes {
        for (token, expected) in [(None, 401), (Some("nonsense".to_owned()), 401), (Some(gate.token()), 403)] {
            let mut request =
                gate.client.request(method.parse().expect("a method"), format!("{}{path}", gate.operators_url));
            if let Some(token) = &token {
                request = request.bearer_auth(token);
            }
            let status = request.json(&json!({})).send().await.expect("an answer").status();
            assert_eq!(status, expected, "{method} {path} {token:?}");
        }
    }
    for open in ["/metrics", "/health/live", "/health/ready"] {
        assert_eq!(
            gate.client.get(format!("{}{open}", gate.operators_url)).send().await.expect("an answer").status(),
            200
        );
    }
    assert_eq!(gate.get("/breakers").await.status(), 404, "not at the public address");
}

#[tokio::test]
async fn what_is_at_no_operators_address_answers_a_problem() {
    let gate = Gate::start().await;
    let (status, problem) = post(&gate, "/breakers/", json!({})).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn every_breaker_is_listed_and_shown_one_hot() {
    let gate = Gate::with(json!({ "upstreams": { "search": { "url": "http://127.0.0.1:9" } } })).await;
    let request = gate.client.get(format!("{}/breakers", gate.operators_url)).bearer_auth(gate.operator());
    let list: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    let names: Vec<_> = list["breakers"].as_array().expect("a list").iter().map(|breaker| &breaker["name"]).collect();
    assert_eq!(names, ["analytics", "auth", "inventory", "orders", "payments", "redis", "search", "shortener"]);

    let force = json!({ "state": "open", "ttl_seconds": 60, "reason": "drill" });
    assert_eq!(post(&gate, "/breakers/search/force", force).await.0, 200);
    let metrics = gate.client.get(format!("{}/metrics", gate.operators_url)).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    for (state, value) in [("open", 1), ("closed", 0), ("half_open", 0)] {
        let line = format!("breaker_state{{breaker=\"search\",class=\"write\",state=\"{state}\"}} {value}");
        assert!(metrics.contains(&line), "{line}");
    }
}

#[tokio::test]
async fn an_operator_forces_resets_and_probes_and_is_remembered() {
    let gate = Gate::start().await;
    let order = json!({ "state": "open", "ttl_seconds": 60, "reason": "release night" });
    let (status, forced) = post(&gate, "/breakers/shortener/force", order).await;
    assert_eq!((status, &forced["state"], &forced["forced"]["reason"]), (200, &json!("open"), &json!("release night")));
    assert_eq!(gate.get("/api/shortener/v1/links").await.status(), 503);
    let (status, problem) = post(&gate, "/breakers/shortener/probe", json!({ "reason": "let me" })).await;
    assert_eq!((status, &problem["code"]), (409, &json!("conflict")), "an order is not probed");
    let (status, reset) = post(&gate, "/breakers/shortener/reset", json!({ "reason": "released" })).await;
    assert_eq!((status, &reset["state"]), (200, &json!("closed")));
    assert_eq!(gate.get("/api/shortener/v1/links").await.status(), 404, "wiremock's own: the call went through");

    let request = gate.client.get(format!("{}/breakers/audit", gate.operators_url)).bearer_auth(gate.operator());
    let log: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    let actions: Vec<_> = log["entries"].as_array().expect("entries").iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["reset", "force_open"]);
    assert_eq!(log["entries"][1]["operator"], gate.user.to_string());
    assert_eq!(log["entries"][1]["ttl_seconds"], 60);
}

#[tokio::test]
async fn orders_without_reason_end_or_breaker_are_refused_by_field() {
    let gate = Gate::start().await;
    for (body, field) in [
        (json!({ "state": "open", "ttl_seconds": 60, "reason": " " }), "reason"),
        (json!({ "state": "open", "ttl_seconds": 60 }), "reason"),
        (json!({ "state": "open", "ttl_seconds": 0, "reason": "a" }), "ttl_seconds"),
        (json!({ "state": "open", "ttl_seconds": 90_000, "reason": "a" }), "ttl_seconds"),
    ] {
        let (status, problem) = post(&gate, "/breakers/auth/force", body).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!(field)));
    }
    let (status, _) = post(&gate, "/breakers/nobody/reset", json!({ "reason": "a" })).await;
    assert_eq!(status, 404);
    assert_eq!(gate.breaker("auth").await["state"], "closed");
}

/// Watches the events, from after the one with that number.
async fn watch(gate: &Gate, last: Option<&str>) -> impl Stream<Item = (String, Value)> + Unpin {
    let mut request = gate.client.get(format!("{}/breakers/events", gate.operators_url)).bearer_auth(gate.operator());
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let pieces = answer.bytes_stream().map(|piece| String::from_utf8(piece.expect("whole").to_vec()).expect("text"));
    Box::pin(pieces.flat_map(|text| {
        let events: Vec<_> = text.split("\n\n").filter(|event| event.contains("data:")).map(read).collect();
        futures::stream::iter(events)
    }))
}

fn read(event: &str) -> (String, Value) {
    let field =
        |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    (field("event:"), serde_json::from_str(&field("data:")).expect("JSON"))
}

#[tokio::test]
async fn watchers_see_every_move_and_go_on_where_they_stopped() {
    let gate = Gate::start().await;
    let mut events = watch(&gate, None).await;
    let (name, snapshot) = events.next().await.expect("an event");
    assert_eq!((name.as_str(), snapshot["breakers"].as_array().map(Vec::len)), ("snapshot", Some(7)));
    let order = json!({ "state": "open", "ttl_seconds": 60, "reason": "drill" });
    post(&gate, "/breakers/auth/force", order).await;
    let (name, first) = events.next().await.expect("an event");
    assert_eq!((name.as_str(), &first["number"]), ("transition", &json!(1)));
    assert_eq!((&first["to"], &first["cause"], &first["reason"]), (&json!("open"), &json!("forced"), &json!("drill")));
    assert_eq!(first["classes"], json!(["read", "write"]), "an order moves all classes, and is told once");
    drop(events);

    post(&gate, "/breakers/auth/reset", json!({ "reason": "over" })).await;
    let missed: Vec<_> = watch(&gate, Some("1")).await.take(2).collect().await;
    assert_eq!((&missed[1].1["number"], &missed[1].1["cause"]), (&json!(2), &json!("reset")));
}
