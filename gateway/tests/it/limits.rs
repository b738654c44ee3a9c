//! Limits, with Redis and without.

use std::time::{Duration, Instant};

use kit::{Proxy, Sandbox};
use serde_json::{Value, json};
use tokio::net::TcpListener;

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
    changes["limits"]["redis"] = json!({ "url": "redis://127.0.0.1:9", "prefix": "gateway:" });
    let gate = Gate::with(changes).await;
    let token = gate.token();
    for _ in 0..5 {
        assert_eq!(ask(&gate, &token).await.status(), 200);
    }
    assert_eq!(ask(&gate, &token).await.status(), 429);
    assert!(!gate.is_up("limits").await, "it is told that limits are judged here");
}

#[tokio::test]
async fn a_redis_that_hangs_costs_one_request_its_patience_and_the_next_ones_nothing() {
    // It takes connections and never says anything.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("redis://{}", silent.local_addr().expect("an address"));
    let patience = Duration::from_millis(900);
    let mut changes = few();
    changes["limits"]["patience_ms"] = json!(900);
    changes["limits"]["redis"] = json!({ "url": url, "prefix": "gateway:" });
    let gate = Gate::with(changes).await;
    let (token, began) = (gate.token(), Instant::now());
    assert_eq!(ask(&gate, &token).await.status(), 200);
    assert!(began.elapsed() >= patience);
    for _ in 0..4 {
        assert_eq!(ask(&gate, &token).await.status(), 200);
    }
    assert_eq!(ask(&gate, &token).await.status(), 429);
    assert!(began.elapsed() < 2 * patience, "only the first one waited: {:?}", began.elapsed());
}

#[tokio::test]
async fn limits_hold_over_all_gateways_again_when_their_redis_is_back() {
    let sandbox = Sandbox::of("gateway").await.expect("Redis for tests runs");
    let login = sandbox.limits("gateway");
    let cable = Proxy::start(&login.url).await.expect("a port");
    let redis = json!({ "url": cable.url(&login.url).expect("a URL"), "prefix": login.prefix });
    let gate = Gate::with(json!({ "limits": { "redis": redis, "user": { "per_second": 1, "burst": 1_000 } } })).await;
    let remaining = async || {
        let answer = ask(&gate, &gate.token()).await;
        assert_eq!(answer.status(), 200);
        answer.headers()["ratelimit-remaining"].to_str().expect("text").parse::<u32>().expect("a number")
    };
    assert_eq!(remaining().await, 999);
    cable.cut_off();
    assert_eq!(remaining().await, 500, "nobody knows how many are left");
    cable.mend();
    let back = kit::eventually(Duration::from_secs(30), "Redis to judge again", async || {
        Ok((remaining().await > 900).then_some(()))
    });
    back.await.expect("it judges again");
}

#[tokio::test]
async fn nothing_is_evicted_from_the_redis_of_the_limits() {
    let sandbox = Sandbox::of("gateway").await.expect("Redis for tests runs");
    let limits = &sandbox.engines().limits;
    let client = redis::Client::open(format!("{}/0", limits.url("redis"))).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let policy: Vec<String> =
        redis::cmd("CONFIG").arg("GET").arg("maxmemory-policy").query_async(&mut connection).await.expect("an answer");
    assert_eq!(policy, ["maxmemory-policy", "noeviction"]);
    assert_ne!(limits.port, sandbox.engines().redis.port, "what copies push out is elsewhere");
}
