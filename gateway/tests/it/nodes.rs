//! What is found by its id alone.

use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::gate::{Gate, code, link, requests};
use crate::orders::{CUSTOMER, customer, id, order, product};

/// Plays a look-up that knows one thing, and no other.
async fn knows(service: &MockServer, at: &str, list: &str, known: &str, thing: Value) {
    let answer = |items: Value| ResponseTemplate::new(200).set_body_json(json!({ list: items }));
    let asked = Mock::given(method("POST")).and(path(at)).and(body_partial_json(json!({ "ids": [known] })));
    asked.respond_with(answer(json!([thing]))).with_priority(1).mount(service).await;
    Mock::given(method("POST")).and(path(at)).respond_with(answer(json!([]))).mount(service).await;
}

/// A gateway before services that know one thing each: a product 1, a link 2, an order 3, the customer.
async fn shop() -> Gate {
    let gate = Gate::start().await;
    knows(&gate.inventory, "/v1/products/batch", "items", &id(1), product(&id(1))).await;
    let mut known = link("promo");
    known["id"] = json!(id(2));
    knows(&gate.shortener, "/v1/links/batch", "items", &id(2), known).await;
    knows(&gate.orders, "/v1/orders/batch", "orders", &id(3), order(3, "confirmed", 2)).await;
    knows(&gate.orders, "/v1/customers/batch", "customers", CUSTOMER, customer()).await;
    let user = json!({ "id": gate.user, "email": "ana@example.com", "full_name": "Ana", "roles": ["user"],
        "created_at": "2026-01-02T03:04:05Z" });
    Mock::given(path("/v1/users/me"))
        .respond_with(ResponseTemplate::new(200).set_body_json(user))
        .mount(&gate.auth)
        .await;
    gate
}

async fn calls(gate: &Gate) -> Vec<usize> {
    let all = [
        (&gate.inventory, "/v1/products/batch"),
        (&gate.shortener, "/v1/links/batch"),
        (&gate.orders, "/v1/orders/batch"),
        (&gate.orders, "/v1/customers/batch"),
    ];
    let mut counts = Vec::new();
    for (service, at) in all {
        counts.push(requests(service, "POST", at).await);
    }
    counts
}

#[tokio::test]
async fn each_thing_is_found_by_its_id() {
    let gate = shop().await;
    let fields = "id __typename ... on Product { sku } ... on Link { code } ... on Order { status }
        ... on Customer { fullName } ... on User { email }";
    let user = gate.user.to_string();
    for (id, kind, field, value) in [
        (&*id(1), "Product", "sku", "CAN-1"),
        (&*id(2), "Link", "code", "promo"),
        (&*id(3), "Order", "status", "CONFIRMED"),
        (CUSTOMER, "Customer", "fullName", "Ana"),
        (&*user, "User", "email", "ana@example.com"),
    ] {
        let answer = gate.ask(&format!("{{ node(id: \"{id}\") {{ {fields} }} }}")).await;
        assert_eq!(answer, json!({ "data": { "node": { "id": id, "__typename": kind, field: value } } }));
    }
    for nothing in [&*id(9), "nonsense", ""] {
        let answer = gate.ask(&format!("{{ node(id: \"{nothing}\") {{ {fields} }} }}")).await;
        assert_eq!(answer, json!({ "data": { "node": null } }), "{nothing}");
    }
}

#[tokio::test]
async fn many_nodes_cost_one_call_of_each_service() {
    let gate = shop().await;
    let nodes = (1..=20).map(|number| format!("n{number}: node(id: \"{}\") {{ id }}", id(number + 20)));
    let answer = gate.ask(&format!("{{ {} }}", nodes.collect::<Vec<_>>().join(" "))).await;
    assert_eq!((&answer["errors"], &answer["data"]["n1"]), (&Value::Null, &Value::Null));
    assert_eq!(calls(&gate).await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn the_own_account_costs_one_call_however_often_it_is_asked_for() {
    let gate = shop().await;
    let account = format!("node(id: \"{}\") {{ id ... on User {{ email }} }}", gate.user);
    let nodes: String = (1..=18).map(|number| format!("n{number}: {account} ")).collect();
    // A node that nobody finds is a level of its own: then the account is asked for once more.
    let late = format!("late: node(id: \"{}\") {{ ... on Product {{ sku }} }}", gate.user);
    let answer = gate.ask(&format!("{{ me {{ email }} {nodes} {late} }}")).await;
    let user = json!({ "id": gate.user, "email": "ana@example.com" });
    assert_eq!((&answer["errors"], &answer["data"]["n18"]), (&Value::Null, &user), "{answer}");
    assert_eq!(answer["data"]["me"], json!({ "email": "ana@example.com" }));
    assert_eq!(requests(&gate.auth, "GET", "/v1/users/me").await, 1);
}

#[tokio::test]
async fn whoever_is_asked_for_is_asked_first() {
    let gate = shop().await;
    // As Relay's compiler writes the query of a fragment that is fetched again.
    let query = "fragment Row on Order { status } { node(id: \"ID\") { __typename ...Row id } }";
    let answer = gate.ask(&query.replace("ID", &id(3))).await;
    let found = json!({ "__typename": "Order", "status": "CONFIRMED", "id": id(3) });
    assert_eq!(answer, json!({ "data": { "node": found } }));
    assert_eq!(calls(&gate).await, [0, 0, 1, 0], "nobody else is");
    let answer = gate.ask(&query.replace("ID", &id(1))).await;
    assert_eq!(answer, json!({ "data": { "node": { "__typename": "Product", "id": id(1) } } }), "it is another thing");
}

#[tokio::test]
async fn a_service_that_is_away_matters_to_what_it_may_have() {
    let gate = Gate::start().await;
    knows(&gate.inventory, "/v1/products/batch", "items", &id(1), product(&id(1))).await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(503)).mount(&gate.orders).await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "items": [] })))
        .mount(&gate.shortener)
        .await;
    let ask = async |number: usize| gate.ask(&format!("{{ node(id: \"{}\") {{ id }} }}", id(number))).await;
    assert_eq!(ask(1).await, json!({ "data": { "node": { "id": id(1) } } }));
    let answer = ask(3).await;
    assert_eq!((code(&answer), &answer["data"]["node"]), ("unavailable", &Value::Null));
    assert_eq!(answer["errors"][0]["extensions"]["service"], "orders");
}

#[tokio::test]
async fn visitors_find_products_and_nothing_else() {
    let gate = shop().await;
    let ask = async |id: &str| gate.ask_anonymously(&format!("{{ node(id: \"{id}\") {{ __typename id }} }}")).await;
    assert_eq!(ask(&id(1)).await, json!({ "data": { "node": { "__typename": "Product", "id": id(1) } } }));
    for hidden in [&*id(2), &*id(3), CUSTOMER, &*gate.user.to_string()] {
        assert_eq!(ask(hidden).await, json!({ "data": { "node": null } }));
    }
    assert_eq!(calls(&gate).await[1..], [0, 0, 0]);
    assert_eq!(gate.auth.received_requests().await.expect("recorded").len(), 0);
}
