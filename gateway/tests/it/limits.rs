//! Limits, with Redis and without.

use serde_json::{Value, json};

use crate::gate::Gate;

fn few() -> Value {
    json!({ "limits": { "address": { "per_second": 1, "burst": 1_000 }, "user": { "per_second": 1, "burst": 5 } } })
}

async fn ask(gate: &Gate, token: &str) -> reqwest::Response {
    let request = gate.client.post(format!("{}/graphql", gate.url)).bearer_auth(token);
    request.json(&json!({ "query": "{ __typename }" })).send().await.expect("an answer")
}

#[tokio::test]
async fn a_user_who_asks_too_much_is_told_to_wait_and_others_are_not() {
    let gate = Gate::with(few()).await;
    let token = gate.token();
    for left in (0..5).rev() {
        let answer = ask(&gate, &token).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["ratelimit-limit"], "5");
        assert_eq!(answer.headers()["ratelimit-remaining"], left.to_string().as_str());
    }
    let refused = ask(&gate, &token).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.headers()["ratelimit-remaining"], "0");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(refused.json::<Value>().await.expect("JSON")["code"], "rate_limited");
    // The REST routes draw from the same bucket.
    assert_eq!(gate.get("/api/shortener/v1/links").await.status(), 429);
    let stranger = gate.issuer.token(uuid::Uuid::now_v7(), &["user"]);
    assert_eq!(ask(&gate, &stranger).await.status(), 200);
}

#[tokio::test]
async fn an_address_is_limited_before_its_tokens_are_looked_at() {
    let gate = Gate::with(json!({ "limits": { "address": { "per_second": 1, "burst": 3 } } })).await;
    let statuses = [401, 401, 401, 429];
    for expected in statuses {
        assert_eq!(ask(&gate, "nonsense").await.status(), expected);
    }
}

#[tokio::test]
async fn limits_hold_without_redis() {
    let mut changes = few();
    changes["redis"] = json!({ "url": "redis://127.0.0.1:9", "prefix": "gateway:" });
    let gate = Gate::with(changes).await;
    let token = gate.token();
    for _ in 0..5 {
        assert_eq!(ask(&gate, &token).await.status(), 200);
    }
    assert_eq!(ask(&gate, &token).await.status(), 429);
    assert_ne!(gate.breaker("redis").await["state"], "closed", "nobody waits for what is away");
}
