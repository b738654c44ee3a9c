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

/// Does something with a new gateway until it takes less than a second: in which no limit of one a second gives back
/// any request.
async fn within_a_second<T>(changes: Value, work: impl AsyncFn(&Gate) -> T) -> T {
    let quick = async || {
        let gate = Gate::with(changes.clone()).await;
        let began = Instant::now();
        let outcome = work(&gate).await;
        Ok((began.elapsed() < Duration::from_secs(1)).then_some(outcome))
    };
    kit::eventually(Duration::from_secs(120), "a second without much else to do", quick).await.expect("one is enough")
}

#[tokio::test]
async fn a_user_who_asks_too_much_is_told_to_wait_and_others_are_not() {
    let (answers, rest, other) = within_a_second(few(), async |gate| {
        let (token, mut answers) = (gate.token(), Vec::new());
        for _ in 0..6 {
            answers.push(ask(gate, &token).await);
        }
        let rest = gate.get("/api/shortener/v1/links").await;
        (answers, rest, ask(gate, &gate.issuer.token(uuid::Uuid::now_v7(), &["user"])).await)
    })
    .await;
    let mut answers = answers.into_iter();
    for (left, answer) in (0..5).rev().zip(&mut answers) {
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["ratelimit-limit"], "5");
        assert_eq!(answer.headers()["ratelimit-remaining"], left.to_string().as_str());
    }
    let refused = answers.next().expect("the sixth");
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.headers()["ratelimit-remaining"], "0");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(refused.json::<Value>().await.expect("JSON")["code"], "rate_limited");
    assert_eq!(rest.status(), 429, "the REST routes draw from the same bucket");
    assert_eq!(other.status(), 200);
}

#[tokio::test]
async fn an_address_is_limited_before_its_tokens_are_looked_at() {
    let changes = json!({ "limits": { "address": { "per_second": 1, "burst": 3 } } });
    let statuses = within_a_second(changes, async |gate| {
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(ask(gate, "nonsense").await.status().as_u16());
        }
        statuses
    })
    .await;
    assert_eq!(statuses, [401, 401, 401, 429]);
}

#[tokio::test]
async fn limits_hold_without_redis() {
    let mut changes = few();
    changes["limits"]["redis"] = json!({ "url": "redis://127.0.0.1:9", "prefix": "gateway:" });
    let (statuses, is_up) =
        within_a_second(changes, async |gate| (six_requests(gate).await, gate.is_up("limits").await)).await;
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
    assert!(!is_up, "it is told that limits are judged here");
}

#[tokio::test]
async fn limits_hold_while_redis_hangs() {
    // Its connections are accepted by the kernel and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("redis://{}", silent.local_addr().expect("an address"));
    let mut changes = few();
    changes["limits"]["patience_ms"] = json!(20);
    changes["limits"]["redis"] = json!({ "url": url, "prefix": "gateway:" });
    let statuses = within_a_second(changes, six_requests).await;
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
}

/// The statuses of six requests of one user.
async fn six_requests(gate: &Gate) -> Vec<u16> {
    let (token, mut statuses) = (gate.token(), Vec::new());
    for _ in 0..6 {
        statuses.push(ask(gate, &token).await.status().as_u16());
    }
    statuses
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
