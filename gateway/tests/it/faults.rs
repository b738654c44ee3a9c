//! What the gateway answers while services are down, late or mad.

use std::time::{Duration, Instant};

use contracts::problem::{Code, MEDIA_TYPE, Problem};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::composition::batch;
use crate::gate::{Gate, code, has_link, requests};

const LINK: &str = "{ link(code: \"promo\") { code url stats { clicks } } }";

async fn analytics_answers(gate: &Gate, answer: ResponseTemplate) {
    gate.analytics.reset().await;
    Mock::given(path("/v1/stats/batch")).respond_with(answer).mount(&gate.analytics).await;
}

/// Plays `/health/ready`.
pub(crate) async fn is_ready(service: &MockServer, status: u16) {
    Mock::given(path("/health/ready")).respond_with(ResponseTemplate::new(status)).mount(service).await;
}

fn assert_only_stats_missing(answer: &Value, expected: &str) {
    assert_eq!(answer["data"]["link"]["code"], "promo", "{answer}");
    assert_eq!(answer["data"]["link"]["url"], "https://shop.example/promo");
    assert_eq!(answer["data"]["link"]["stats"], Value::Null);
    assert_eq!(code(answer), expected, "{answer}");
    assert_eq!(answer["errors"][0]["extensions"]["service"], "analytics");
    assert!(answer["errors"][0]["extensions"]["requestId"].is_string());
}

#[tokio::test]
async fn a_dead_upstream_costs_its_own_fields_and_opens_its_own_breaker() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    analytics_answers(&gate, ResponseTemplate::new(500)).await;
    is_ready(&gate.analytics, 503).await;
    assert_only_stats_missing(&gate.ask(LINK).await, "bad_upstream");
    gate.until("analytics", "open").await;
    assert_only_stats_missing(&gate.ask(LINK).await, "unavailable");
    assert_eq!(gate.breaker("shortener").await["state"], "closed");
}

#[tokio::test]
async fn one_service_away_is_no_reason_to_withhold_the_others() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    Mock::given(path("/v1/users/me")).respond_with(ResponseTemplate::new(500)).mount(&gate.auth).await;
    let answer = gate.ask("{ me { id } link(code: \"promo\") { code } }").await;
    assert_eq!(answer["data"], json!({ "me": null, "link": { "code": "promo" } }));
    assert_eq!((&answer["errors"][0]["path"], code(&answer)), (&json!(["me"]), "bad_upstream"));
}

#[tokio::test]
async fn what_made_one_object_null_is_told_once() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    analytics_answers(&gate, ResponseTemplate::new(500)).await;
    let stats = "stats { clicks uniqueVisitors series { clicks } asOf stale }";
    let answer = gate.ask(&format!("{{ link(code: \"promo\") {{ {stats} other: {stats} }} me {{ id }} }}")).await;
    let mut paths: Vec<_> = answer["errors"].as_array().expect("errors").iter().map(|e| e["path"][1].clone()).collect();
    paths.sort_by_key(Value::to_string);
    assert_eq!(paths, [json!("other"), json!("stats"), Value::Null], "{answer}");
}

#[tokio::test]
async fn an_open_breaker_answers_at_once_and_says_when_to_come_back() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    analytics_answers(&gate, ResponseTemplate::new(500)).await;
    is_ready(&gate.analytics, 503).await;
    gate.ask(LINK).await;
    gate.until("analytics", "open").await;
    let calls = requests(&gate.analytics, "POST", "/v1/stats/batch").await;
    assert_eq!(calls, 1, "500 is not worth a second try");
    let answer = gate.ask(LINK).await;
    assert_only_stats_missing(&answer, "unavailable");
    assert_eq!(answer["errors"][0]["extensions"]["retryAfterMs"], 1_000);
    assert_eq!(requests(&gate.analytics, "POST", "/v1/stats/batch").await, calls, "it is left alone");

    let refused = gate.get("/api/analytics/v1/stats").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    let problem: Value = refused.json().await.expect("a problem");
    assert_eq!(problem["code"], "unavailable");
    let classes = gate.breaker("analytics").await["classes"].clone();
    assert_eq!((&classes[1]["class"], &classes[1]["state"]), (&json!("write"), &json!("closed")));
}

#[tokio::test]
async fn the_breaker_closes_by_itself_when_the_upstream_is_ready_again() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    analytics_answers(&gate, ResponseTemplate::new(500)).await;
    is_ready(&gate.analytics, 503).await;
    gate.ask(LINK).await;
    gate.until("analytics", "open").await;
    gate.analytics.reset().await;
    is_ready(&gate.analytics, 200).await;
    gate.until("analytics", "closed").await;
    // How long that takes is a matter of the prober's pauses, which its own test adds up.
    let questions = requests(&gate.analytics, "GET", "/health/ready").await;
    assert!((1..=3).contains(&questions), "{questions} questions");
    assert_eq!(requests(&gate.analytics, "POST", "/v1/stats/batch").await, 0, "nobody's request had to try it");
}

#[tokio::test]
async fn a_service_that_sheds_says_so_and_is_not_judged() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    let shed = serde_json::to_vec(&Problem::new(Code::Overloaded, "Too many statistics.")).expect("JSON");
    let shed = ResponseTemplate::new(503).insert_header("retry-after", "3").set_body_raw(shed, MEDIA_TYPE);
    analytics_answers(&gate, shed).await;
    is_ready(&gate.analytics, 503).await;
    let answer = gate.ask(LINK).await;
    assert_only_stats_missing(&answer, "overloaded");
    assert_eq!(answer["errors"][0]["extensions"]["retryAfterMs"], 3_000);
    let rest = gate.client.post(format!("{}/api/analytics/v1/stats/batch", gate.url)).send().await.expect("an answer");
    assert_eq!(rest.json::<Value>().await.expect("a problem")["code"], "overloaded");
    assert_eq!(requests(&gate.analytics, "GET", "/health/ready").await, 0, "there was no doubt");
    assert_eq!(gate.breaker("analytics").await["calls"], 0);
}

#[tokio::test]
async fn a_hanging_upstream_is_tried_twice_and_costs_its_own_fields() {
    // Enough time for a second try on any machine. How long the usual deadline is, a test of the layers tells.
    let patient = json!({ "upstreams": { "analytics": { "try_timeout_ms": 300, "deadline_ms": 10_000 } } });
    let gate = Gate::with(patient).await;
    has_link(&gate.shortener, "promo").await;
    analytics_answers(&gate, ResponseTemplate::new(200).set_delay(Duration::from_secs(600))).await;
    assert_only_stats_missing(&gate.ask(LINK).await, "timeout");
    assert_eq!(gate.breaker("analytics").await["failures"], 2, "both tries are held against it");
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_a_failure() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    analytics_answers(&gate, ResponseTemplate::new(200).set_body_string("<html>It works!</html>")).await;
    assert_only_stats_missing(&gate.ask(LINK).await, "bad_upstream");
    assert_eq!(gate.breaker("analytics").await["failures"], 1);
    // Well-formed and not what the contract says: it is up, and of no use.
    analytics_answers(&gate, ResponseTemplate::new(200).set_body_json(json!({ "hello": "world" }))).await;
    assert_only_stats_missing(&gate.ask(LINK).await, "bad_upstream");
    assert_eq!(gate.breaker("analytics").await["failures"], 1);
}

/// A server that answers every connection with `bytes`, once it has read something, and hangs up.
async fn blunt(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut some = [0; 64];
            let _ = stream.read(&mut some).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    url
}

#[tokio::test]
async fn connections_that_break_are_failures_wherever_they_break() {
    for bytes in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"links\":", b"HTTP/9 nonsense\r\n\r\n"] {
        let gate = Gate::with(json!({ "upstreams": { "analytics": { "url": blunt(bytes).await } } })).await;
        has_link(&gate.shortener, "promo").await;
        assert_only_stats_missing(&gate.ask(LINK).await, "unavailable");
        if bytes.starts_with(b"HTTP/1.1") {
            assert_eq!(gate.breaker("analytics").await["failures"], 2, "two tries");
        } else {
            // Nor does it answer whether it lives.
            gate.until("analytics", "open").await;
        }
    }
}

#[tokio::test]
async fn connections_that_are_refused_for_two_seconds_open_all_classes() {
    let gate = Gate::with(json!({ "upstreams": { "analytics": { "url": "http://127.0.0.1:9" } } })).await;
    has_link(&gate.shortener, "promo").await;
    let began = Instant::now();
    assert_only_stats_missing(&gate.ask(LINK).await, "unavailable");
    assert_eq!(gate.breaker("analytics").await["state"], "closed", "a restart takes longer");
    let probe = async || {
        assert_only_stats_missing(&gate.ask(LINK).await, "unavailable");
        Ok((gate.breaker("analytics").await["state"] == "open").then_some(()))
    };
    kit::eventually(Duration::from_secs(10), "the breaker to open", probe).await.expect("it opens");
    assert!(began.elapsed() >= Duration::from_secs(2));
    let breaker = gate.breaker("analytics").await;
    assert!(breaker["classes"].as_array().expect("classes").iter().all(|class| class["state"] == "open"), "{breaker}");
}

#[tokio::test]
async fn a_second_try_helps_where_the_first_was_bad_luck() {
    let gate = Gate::start().await;
    Mock::given(path("/v1/links/promo"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&gate.shortener)
        .await;
    has_link(&gate.shortener, "promo").await;
    let answer = gate.ask("{ link(code: \"promo\") { code } }").await;
    assert_eq!(answer, json!({ "data": { "link": { "code": "promo" } } }));
    assert_eq!(requests(&gate.shortener, "GET", "/v1/links/promo").await, 2);
}

#[tokio::test]
async fn what_must_not_happen_twice_is_not_tried_twice() {
    let gate = Gate::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(503)).mount(&gate.auth).await;
    let answer = gate.ask("mutation { refreshSession(refreshToken: \"once\") { accessToken } }").await;
    assert_eq!(code(&answer), "unavailable");
    assert_eq!(requests(&gate.auth, "POST", "/v1/sessions/refresh").await, 1);
}

#[tokio::test]
async fn equal_reads_of_one_user_share_a_call_and_those_of_two_do_not() {
    let gate = Gate::start().await;
    let slow =
        ResponseTemplate::new(200).set_body_json(crate::gate::link("promo")).set_delay(Duration::from_millis(300));
    Mock::given(path("/v1/links/promo")).respond_with(slow).mount(&gate.shortener).await;
    let query = "{ link(code: \"promo\") { code } }";
    let (mine, stranger) = (gate.token(), gate.issuer.token(uuid::Uuid::now_v7(), &["user"]));
    let mut asked: Vec<_> = (0..20).map(|_| gate.ask_as(&mine, query)).collect();
    asked.push(gate.ask_as(&stranger, query));
    for answer in futures::future::join_all(asked).await {
        assert_eq!(answer["data"]["link"]["code"], "promo");
    }
    assert_eq!(requests(&gate.shortener, "GET", "/v1/links/promo").await, 2);
}

#[tokio::test]
async fn the_last_copy_serves_its_owner_while_analytics_is_away() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    Mock::given(path("/v1/stats/batch"))
        .respond_with(|request: &Request| batch(request, &[]))
        .mount(&gate.analytics)
        .await;
    let query = "{ link(code: \"promo\") { stats { clicks series { clicks } asOf stale } } }";
    let mut expected = gate.ask(query).await;
    assert_eq!(expected["data"]["link"]["stats"]["stale"], false, "{expected}");
    expected["data"]["link"]["stats"]["stale"] = true.into();

    analytics_answers(&gate, ResponseTemplate::new(503)).await;
    // Copies are written behind the answer's back.
    let probe = async || Ok((gate.ask(query).await == expected).then_some(()));
    kit::eventually(Duration::from_secs(5), "the copy", probe).await.expect("the copy is shown");
    let stranger = gate.issuer.token(uuid::Uuid::now_v7(), &["user"]);
    let answer = gate.ask_as(&stranger, query).await;
    assert_eq!(answer["data"]["link"]["stats"], Value::Null, "another user's copy is nobody else's");
    let other_window = gate.ask("{ link(code: \"promo\") { stats(timeZone: \"Asia/Tokyo\") { clicks } } }").await;
    assert_eq!(other_window["data"]["link"]["stats"], Value::Null);
}
