//! One answer from several services, with as few calls as can be.

use serde_json::{Value, json};
use wiremock::matchers::{header, header_exists, method, path, query_param};
use wiremock::{Mock, Request, ResponseTemplate};

use crate::gate::{Gate, answers, code, has_link, link, requests};

/// Plays `POST /v1/stats/batch` as analytics does: every facet for every code, but not for codes in `unknown`.
pub(crate) fn batch(request: &Request, unknown: &[&str]) -> ResponseTemplate {
    let asked: Value = request.body_json().expect("JSON");
    let value = |facet: &Value| match facet["kind"].as_str() {
        Some("totals") => json!({ "kind": "totals", "clicks": 7, "unique_visitors": 5 }),
        Some("series") => {
            let point = json!({ "at": "2026-01-02T00:00:00Z", "clicks": 7, "unique_visitors": 5 });
            json!({ "kind": "series", "points": [point] })
        }
        _ => json!({ "kind": "top", "counts": [{ "name": "news.example", "count": 4 }] }),
    };
    let values: Vec<_> = asked["facets"].as_array().expect("facets").iter().map(value).collect();
    let codes = asked["codes"].as_array().expect("codes").iter().filter_map(Value::as_str);
    let links: serde_json::Map<_, _> =
        codes.filter(|code| !unknown.contains(code)).map(|code| (code.to_owned(), json!(values))).collect();
    ResponseTemplate::new(200).set_body_json(json!({ "links": links, "as_of": "2026-01-02T03:04:05Z" }))
}

async fn counts_clicks(gate: &Gate) {
    Mock::given(method("POST"))
        .and(path("/v1/stats/batch"))
        .respond_with(|request: &Request| batch(request, &[]))
        .mount(&gate.analytics)
        .await;
}

#[tokio::test]
async fn a_list_with_statistics_costs_one_call_per_service() {
    let gate = Gate::start().await;
    let token = gate.token();
    let item = |number: usize| json!({ "cursor": format!("c{number}"), "link": link(&format!("code{number}")) });
    let items: Vec<_> = (0..20).map(item).collect();
    Mock::given(method("GET"))
        .and(path("/v1/links"))
        .and(query_param("first", "20"))
        .and(header("authorization", format!("Bearer {token}")))
        .and(header_exists("x-request-id"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "items": items, "has_next_page": true })))
        .mount(&gate.shortener)
        .await;
    counts_clicks(&gate).await;
    let answer = gate
        .ask_as(
            &token,
            "{ links(first: 20) { pageInfo { hasNextPage endCursor } edges { cursor node { code tags stats {
                clicks uniqueVisitors series { at clicks } topReferrers { name count } topCountries(first: 3) { name }
                browsers { name } devices { name } asOf stale } } } } }",
        )
        .await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    let edges = answer["data"]["links"]["edges"].as_array().expect("edges");
    assert_eq!(edges.len(), 20);
    let stats = &edges[19]["node"]["stats"];
    assert_eq!((&stats["clicks"], &stats["stale"]), (&json!(7), &json!(false)));
    assert_eq!(stats["topReferrers"], json!([{ "name": "news.example", "count": 4 }]));
    assert_eq!(answer["data"]["links"]["pageInfo"], json!({ "hasNextPage": true, "endCursor": "c19" }));
    assert_eq!(requests(&gate.shortener, "GET", "/v1/links").await, 1);
    assert_eq!(requests(&gate.analytics, "POST", "/v1/stats/batch").await, 1);
}

#[tokio::test]
async fn different_spans_of_time_cost_a_call_each_and_no_more() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    counts_clicks(&gate).await;
    let answer = gate
        .ask(
            "{ link(code: \"promo\") { stats { clicks series(granularity: HOUR) { clicks } }
               paris: stats(timeZone: \"Europe/Paris\") { clicks } again: stats { uniqueVisitors } } }",
        )
        .await;
    assert_eq!(answer["data"]["link"]["paris"]["clicks"], 7, "{answer}");
    assert_eq!(requests(&gate.analytics, "POST", "/v1/stats/batch").await, 2);
}

#[tokio::test]
async fn a_link_that_analytics_does_not_know_yet_has_no_clicks() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "fresh").await;
    Mock::given(path("/v1/stats/batch"))
        .respond_with(|request: &Request| batch(request, &["fresh"]))
        .mount(&gate.analytics)
        .await;
    let answer =
        gate.ask("{ link(code: \"fresh\") { stats { clicks stale series { clicks } devices { name } } } }").await;
    let nothing = json!({ "clicks": 0, "stale": false, "series": [], "devices": [] });
    assert_eq!(answer["data"]["link"]["stats"], nothing, "{answer}");
}

#[tokio::test]
async fn a_link_that_is_not_there_is_null_and_a_code_that_is_none_is_not_asked_for() {
    let gate = Gate::start().await;
    let missing = contracts::problem::Problem::new(contracts::problem::Code::NotFound, "There is no such link.");
    Mock::given(path("/v1/links/nobody"))
        .respond_with(ResponseTemplate::new(404).set_body_json(missing))
        .mount(&gate.shortener)
        .await;
    for wanted in ["nobody", "../users/me", "a/b", ""] {
        let answer = gate.ask(&format!("{{ link(code: \"{wanted}\") {{ code }} }}")).await;
        assert_eq!(answer, json!({ "data": { "link": null } }), "{wanted}");
    }
    assert_eq!(gate.shortener.received_requests().await.expect("recorded").len(), 1);
}

#[tokio::test]
async fn what_a_service_refuses_is_told_with_its_code_and_fields() {
    let gate = Gate::start().await;
    let problem = contracts::problem::Problem::field("redirect_status", "It must be 301, 302, 307 or 308.");
    Mock::given(method("POST"))
        .and(path("/v1/links"))
        .and(header_exists("idempotency-key"))
        .respond_with(ResponseTemplate::new(400).set_body_json(problem))
        .mount(&gate.shortener)
        .await;
    let answer =
        gate.ask("mutation { createLink(input: { url: \"https://a.example\", redirectStatus: 299 }) { code } }").await;
    assert_eq!(answer["data"], Value::Null);
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!((code(&answer), &extensions["service"]), ("validation_failed", &json!("shortener")));
    assert_eq!(extensions["fields"][0]["field"], "redirectStatus");
    assert!(extensions["requestId"].is_string());
    assert_eq!(extensions["retryAfterMs"], Value::Null);
}

#[tokio::test]
async fn one_bad_argument_costs_its_own_field() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    counts_clicks(&gate).await;
    let answer = gate
        .ask("{ link(code: \"promo\") { good: stats { clicks } bad: stats { topReferrers(first: 0) { name } } } }")
        .await;
    assert_eq!(answer["data"]["link"], json!({ "good": { "clicks": 7 }, "bad": null }));
    assert_eq!(code(&answer), "validation_failed");
    assert_eq!(answer["errors"][0]["path"], json!(["link", "bad", "topReferrers"]));
}

#[tokio::test]
async fn a_patch_tells_null_from_absent() {
    let gate = Gate::start().await;
    answers(&gate.shortener, "PATCH", "/v1/links/promo", 200, link("promo")).await;
    let query =
        "mutation { updateLink(code: \"promo\", input: { title: null, tags: [\"a\"], maxClicks: 5 }) { code } }";
    assert_eq!(gate.ask(query).await["data"]["updateLink"]["code"], "promo");
    let sent = gate.shortener.received_requests().await.expect("recorded");
    let body: Value = sent[0].body_json().expect("JSON");
    assert_eq!(body, json!({ "title": null, "tags": ["a"], "max_clicks": 5 }));
}

#[tokio::test]
async fn a_clients_own_key_makes_creation_repeatable() {
    let gate = Gate::start().await;
    answers(&gate.shortener, "POST", "/v1/links", 201, link("promo")).await;
    let query = "mutation { a: createLink(input: { url: \"https://a.example\" }) { code } createLink(input: { url: \"https://b.example\" }) { code } }";
    for _ in 0..2 {
        let request = gate.client.post(format!("{}/graphql", gate.url)).bearer_auth(gate.token());
        request.header("idempotency-key", "cart-7").json(&json!({ "query": query })).send().await.expect("an answer");
    }
    let sent = gate.shortener.received_requests().await.expect("recorded");
    let keys: Vec<_> = sent.iter().map(|request| request.headers["idempotency-key"].to_str().expect("text")).collect();
    assert_eq!(keys.len(), 4);
    assert_eq!(keys[..2], keys[2..], "the same request has the same keys");
    assert_ne!(keys[0], keys[1], "each creation of a request has a key of its own");
}

#[tokio::test]
async fn a_key_is_refused_as_rest_refuses_it() {
    let gate = Gate::start().await;
    let ask = async |keys: &[&[u8]]| {
        let mut request = gate.client.post(format!("{}/graphql", gate.url)).bearer_auth(gate.token());
        for key in keys {
            request = request.header("idempotency-key", http::HeaderValue::from_bytes(key).expect("a value"));
        }
        let query = "mutation { createLink(input: { url: \"https://a.example\" }) { code } }";
        let answer = request.json(&json!({ "query": query })).send().await.expect("an answer");
        answer.json::<Value>().await.expect("JSON")
    };
    let long = [b'x'; 256];
    for keys in [&[&b""[..]][..], &[b"a b"], &[b"ch\xc3\xa3"], &[&long], &[b"one", b"two"], &[b"one", b"one"]] {
        let answer = ask(keys).await;
        let fields = &answer["errors"][0]["extensions"]["fields"];
        assert_eq!((code(&answer), &fields[0]["field"]), ("validation_failed", &json!("Idempotency-Key")), "{answer}");
    }
    assert_eq!(gate.shortener.received_requests().await.expect("recorded").len(), 0);
    for mutation in [
        "placeOrder(input: { items: [], paymentMethodId: \"019346e6-8e9e-7000-8000-000000000000\" }, idempotencyKey: \"\") { id }",
        "changeStock(input: { productId: \"019346e6-8e9e-7000-8000-000000000000\", kind: INCREASE, quantity: 1, reason: \"r\" }, idempotencyKey: \"ã\") { at }",
    ] {
        let answer = gate.ask(&format!("mutation {{ {mutation} }}")).await;
        let fields = &answer["errors"][0]["extensions"]["fields"];
        assert_eq!(fields[0]["field"], "idempotencyKey", "{answer}");
    }
}
