//! The pass in front of the executor, from outside: what a client gets is what the specification says.

use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, ResponseTemplate};

use crate::gate::{Gate, answers, code, has_link, link, requests};
use crate::orders::{id, product};

/// Asks as the user; returns the status and the answer as it is written.
async fn ask(gate: &Gate, query: &str, variables: Value) -> (u16, String) {
    let request = gate.client.post(format!("{}/graphql", gate.url)).bearer_auth(gate.token());
    let request = request.header("accept", "application/graphql-response+json");
    let answer = request.json(&json!({ "query": query, "variables": variables })).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

async fn answer(gate: &Gate, query: &str, variables: Value) -> Value {
    let (status, text) = ask(gate, query, variables).await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

/// The bodies that a service was sent by a method.
async fn bodies(service: &wiremock::MockServer, method: &str) -> Vec<Value> {
    let sent = service.received_requests().await.expect("recorded");
    let sent = sent.iter().filter(|request| request.method.as_str() == method);
    sent.map(|request| request.body_json().expect("JSON")).collect()
}

#[tokio::test]
async fn an_absent_variable_is_an_absent_field() {
    let gate = Gate::start().await;
    answers(&gate.shortener, "PATCH", "/v1/links/promo", 200, link("promo")).await;
    answers(&gate.inventory, "PATCH", &format!("/v1/products/{}", id(1)), 200, product(&id(1))).await;
    let update = "mutation($t: String, $m: Int, $f: String, $x: DateTime) { updateLink(code: \"promo\",
        input: { title: $t, maxClicks: $m, fallbackUrl: $f, expiresAt: $x, tags: [\"a\"] }) { code } }";
    answer(&gate, update, json!({})).await;
    answer(&gate, update, json!({ "t": null, "m": 5 })).await;
    let expected = [json!({ "tags": ["a"] }), json!({ "title": null, "max_clicks": 5, "tags": ["a"] })];
    assert_eq!(bodies(&gate.shortener, "PATCH").await, expected);
    let update = "mutation($id: ID!, $d: String, $a: Boolean) {
        updateProduct(id: $id, input: { description: $d, active: $a, name: \"Caneca\" }) { id } }";
    answer(&gate, update, json!({ "id": id(1) })).await;
    assert_eq!(bodies(&gate.inventory, "PATCH").await, [json!({ "name": "Caneca" })]);
}

#[tokio::test]
async fn a_field_that_two_fragments_select_runs_once() {
    let gate = Gate::start().await;
    answers(&gate.shortener, "POST", "/v1/links", 201, link("promo")).await;
    let create = "createLink(input: { url: \"https://a.example\" })";
    let query = format!(
        "mutation {{ ...a ...b {create} {{ active }} }}
         fragment a on Mutation {{ {create} {{ code }} }} fragment b on Mutation {{ {create} {{ url }} }}"
    );
    let (status, text) = ask(&gate, &query, json!({})).await;
    let expected = r#"{"data":{"createLink":{"code":"promo","url":"https://shop.example/promo","active":true}}}"#;
    assert_eq!((status, text.as_str()), (200, expected));
    assert_eq!(requests(&gate.shortener, "POST", "/v1/links").await, 1);
}

#[tokio::test]
async fn a_selection_that_is_left_empty_is_an_empty_object() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    let query = "query($no: Boolean!) { link(code: \"promo\") { code @include(if: $no) ... @skip(if: true) { url } } }";
    assert_eq!(answer(&gate, query, json!({ "no": false })).await, json!({ "data": { "link": {} } }));
    let nothing = "query($no: Boolean!) { link(code: \"promo\") @include(if: $no) { code } }";
    assert_eq!(answer(&gate, nothing, json!({ "no": false })).await, json!({ "data": {} }));
    assert_eq!(requests(&gate.shortener, "GET", "/v1/links/promo").await, 1, "what is skipped is not asked for");
}

#[tokio::test]
async fn a_failed_field_takes_its_nearest_nullable_parent_along() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    // Statistics fail: nobody plays analytics. Its fields may not be null, `stats` may.
    let query = "{ link(code: \"promo\") { stats { clicks series { at } } code } }";
    let (status, text) = ask(&gate, query, json!({})).await;
    assert!(text.starts_with(r#"{"data":{"link":{"stats":null,"code":"promo"}},"errors":["#), "{text}");
    assert_eq!(status, 200);
    // A list of links may not be null, and is at the top.
    let (_, text) =
        ask(&gate, "{ link(code: \"promo\") { code } links(first: -1) { edges { cursor } } }", json!({})).await;
    assert!(text.starts_with(r#"{"data":null,"errors":["#), "{text}");
    let told: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code(&told), &told["errors"][0]["path"]), ("validation_failed", &json!(["links"])));
}

#[tokio::test]
async fn fields_come_in_the_order_of_the_selection() {
    let gate = Gate::start().await;
    has_link(&gate.shortener, "promo").await;
    let sold = json!({ "links": { "promo": { "count": 2, "revenue": [] } } });
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200).set_body_json(sold)).mount(&gate.orders).await;
    // What needs another service comes first, and is there last.
    let query = "{ slow: link(code: \"promo\") { orders { count } code ...more } __typename }
        fragment more on Link { url orders { revenue { minor } } tags }";
    let (_, text) = ask(&gate, query, json!({})).await;
    let keys = ["\"slow\"", "\"orders\"", "\"code\"", "\"url\"", "\"tags\"", "\"__typename\""];
    let data = text.split("\"errors\"").next().expect("data");
    let found: Vec<_> = keys.iter().map(|key| data.find(key)).collect();
    assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{text}");
}

#[tokio::test]
async fn what_is_not_valid_is_refused_before_anything_runs() {
    let gate = Gate::start().await;
    for query in [
        // Variables in positions that they may not take.
        "query($c: String) { link(code: $c) { code } }",
        "mutation($t: [String]) { updateLink(code: \"a\", input: { tags: $t }) { code } }",
        "mutation($t: String) { updateLink(code: \"a\", input: { tags: [$t] }) { code } }",
        "query($c: [String!]!) { link(code: $c) { code } }",
        "query($n: String) { links(first: $n) { edges { cursor } } }",
        // Values.
        "mutation { updateLink(code: \"a\", input: { title: \"b\", title: \"c\" }) { code } }",
        "{ orders(status: \"PENDING\") { edges { cursor } } }",
        "{ links(first: 2147483648) { edges { cursor } } }",
        "{ order(id: \"1\", at: \"yesterday\") { id } }",
        "mutation { updateProduct(id: 1, input: { price: { minor: 1.5, currency: \"BRL\" } }) { id } }",
        // Directives.
        "query @skip(if: false) { me { id } }",
        "{ me { id @defer } }",
        "{ me { id } ... @defer { me { email } } }",
        "{ me { id @deprecated } }",
        "{ me { id @skip(if: false) @skip(if: false) } }",
        "{ me { id @include } }",
        // What is selected.
        "{ me { nothing } }",
        "{ me }",
        "{ me { id { a } } }",
        "{ a: me { id } a: customer { id } }",
        "{ me { ... on Link { code } } }",
    ] {
        let (status, text) = ask(&gate, query, json!({})).await;
        let told: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((status, code(&told), told.get("data")), (400, "validation_failed", None), "{query}: {text}");
        assert!(told["errors"][0]["locations"][0]["line"].is_u64(), "{query}: {text}");
    }
    for service in [&gate.auth, &gate.shortener, &gate.orders, &gate.inventory] {
        assert_eq!(service.received_requests().await.expect("recorded").len(), 0);
    }
}

#[tokio::test]
async fn variables_that_do_not_fit_are_refused_before_anything_runs() {
    let gate = Gate::start().await;
    let query = "query($n: Int, $at: DateTime, $s: OrderStatus, $id: ID!) {
        links(first: $n) { edges { cursor } } order(id: $id, at: $at) { id } orders(status: $s) { edges { cursor } } }";
    for (variables, named) in [
        (json!({}), "$id"),
        (json!({ "id": null }), "$id"),
        (json!({ "id": "1", "n": 2_147_483_648_i64 }), "$n"),
        (json!({ "id": "1", "n": "20" }), "$n"),
        (json!({ "id": true }), "$id"),
        (json!({ "id": "1", "at": "yesterday" }), "$at"),
        (json!({ "id": "1", "s": "LOST" }), "$s"),
    ] {
        let (status, text) = ask(&gate, query, variables).await;
        let told: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((status, code(&told), told.get("data")), (400, "validation_failed", None), "{text}");
        assert!(told["errors"][0]["message"].as_str().is_some_and(|message| message.contains(named)), "{text}");
    }
    // A document with several operations, of which none or an unknown one is asked for.
    let (status, text) = ask(&gate, "query A { me { id } } query B { me { id } }", json!({})).await;
    assert_eq!(status, 400, "{text}");
}

#[tokio::test]
async fn syntax_errors_say_where() {
    let gate = Gate::start().await;
    let (status, text) = ask(&gate, "{\n  me { id ", json!({})).await;
    let told: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, code(&told), told.get("data")), (400, "malformed_request", None));
    assert_eq!(told["errors"][0]["message"], "The document ends too early, or is empty.");
    assert_eq!(told["errors"][0]["locations"], json!([{ "line": 2, "column": 11 }]));
}

#[tokio::test]
async fn every_escape_of_a_character_is_taken() {
    let gate = Gate::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(201).set_body_json(link("promo")))
        .mount(&gate.shortener)
        .await;
    for title in [r"\uD83D\uDE00", r"\u{1F600}", "😀"] {
        let query = format!(
            "mutation {{ createLink(input: {{ url: \"https://a.example\", title: \"{title}\" }}) {{ code }} }}"
        );
        answer(&gate, &query, json!({})).await;
    }
    let titles: Vec<_> = bodies(&gate.shortener, "POST").await.iter().map(|body| body["title"].clone()).collect();
    assert_eq!(titles, ["😀", "😀", "😀"]);
}

#[tokio::test]
async fn an_absent_variable_leaves_an_argument_its_default() {
    let gate = Gate::start().await;
    let page = json!({ "items": [], "has_next_page": false });
    Mock::given(path("/v1/links"))
        .and(query_param("first", "20"))
        .respond_with(ResponseTemplate::new(200).set_body_json(page))
        .mount(&gate.shortener)
        .await;
    let query = "query($n: Int) { links(first: $n) { edges { cursor } } }";
    assert_eq!(answer(&gate, query, json!({})).await, json!({ "data": { "links": { "edges": [] } } }));
}

#[tokio::test]
async fn the_schema_is_told_unless_that_is_switched_off() {
    let query = include_str!("../../src/graphql/guard/introspection.graphql");
    let gate = Gate::start().await;
    let told = answer(&gate, query, json!({})).await;
    assert_eq!(told.get("errors"), None, "{told}");
    assert!(told["data"]["__schema"]["types"].as_array().is_some_and(|types| types.len() > 40));
    let gate = Gate::with(json!({ "graphql": { "introspection": false } })).await;
    let (status, text) = ask(&gate, query, json!({})).await;
    assert_eq!((status, text.contains("Introspection is disabled.")), (400, true), "{text}");
}
