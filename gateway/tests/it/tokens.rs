//! A bad token is refused, never taken for none.

use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::gate::{Gate, code};

#[tokio::test]
async fn a_bad_token_is_401_everywhere() {
    let gate = Gate::start().await;
    let good = gate.token();
    let (before, after) = (&good[..good.len() - 5], &good[good.len() - 4..]);
    let other = if good[before.len()..].starts_with('x') { 'y' } else { 'x' };
    let tampered = format!("{before}{other}{after}");
    let bad = [
        "Bearer nonsense".to_owned(),
        "Bearer ".to_owned(),
        "Basic YTpi".to_owned(),
        format!("Bearer {}", gate.issuer.expired(gate.user)),
        format!("Bearer {}", gate.issuer.forged(gate.user).expect("a key")),
        format!("Bearer {}", gate.issuer.token_with(gate.user, |claims| claims["aud"] = "others".into())),
        format!("Bearer {}", gate.issuer.token_with(gate.user, |claims| claims["iss"] = "https://evil.example".into())),
        format!("Bearer {tampered}"),
    ];
    for value in bad {
        for (method, path) in
            [("POST", "/graphql"), ("GET", "/graphql?query=%7B__typename%7D"), ("GET", "/api/shortener/v1/links")]
        {
            let method = method.parse().expect("a method");
            let request = gate.client.request(method, format!("{}{path}", gate.url)).header(AUTHORIZATION, &value);
            let answer = request.json(&json!({ "query": "{ __typename }" })).send().await.expect("an answer");
            assert_eq!(answer.status(), 401, "{value} {path}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
            assert_eq!(answer.json::<Value>().await.expect("JSON")["code"], "invalid_token");
        }
    }
    assert_eq!(gate.shortener.received_requests().await.expect("recorded").len(), 0);
}

#[tokio::test]
async fn without_a_token_what_needs_a_user_says_so_and_reaches_no_service() {
    let gate = Gate::start().await;
    assert_eq!(gate.ask_anonymously("{ __typename }").await, json!({ "data": { "__typename": "Query" } }));
    for query in [
        "{ me { id } }",
        "{ link(code: \"a\") { code } }",
        "{ links { edges { cursor } } }",
        "mutation { createLink(input: { url: \"https://a.example\" }) { code } }",
        "mutation { createLinks(inputs: []) { index } }",
        "mutation { updateLink(code: \"a\", input: {}) { code } }",
        "mutation { deleteLink(code: \"a\") }",
        "{ order(id: \"019346e6-8e9e-7000-8000-000000000000\") { id } }",
        "{ orders { edges { cursor } } }",
        "{ customer { id } }",
        "{ products { edges { cursor } } }",
        "{ product(id: \"019346e6-8e9e-7000-8000-000000000000\") { id } }",
        "mutation { saveCustomer(input: { email: \"a\", document: \"b\", fullName: \"c\", shippingAddress: { street: \"s\", number: \"1\", city: \"c\", state: \"SP\", zipCode: \"0\", country: \"BR\" } }) { id } }",
        "mutation { placeOrder(input: { items: [], paymentMethodId: \"a\" }, idempotencyKey: \"k\") { id } }",
        "mutation { cancelOrder(id: \"a\") { id } }",
        "mutation { deleteAccount(password: \"a\") }",
        "mutation { createProduct(input: { sku: \"a\", name: \"b\", price: { minor: 1, currency: \"BRL\" } }) { id } }",
        "mutation { updateProduct(id: \"a\", input: {}) { id } }",
        "mutation { changeStock(input: { productId: \"a\", kind: INCREASE, quantity: 1, reason: \"r\" }, idempotencyKey: \"k\") { at } }",
    ] {
        assert_eq!(code(&gate.ask_anonymously(query).await), "unauthenticated", "{query}");
    }
    for service in [&gate.auth, &gate.shortener, &gate.analytics, &gate.orders, &gate.inventory, &gate.payments] {
        assert_eq!(service.received_requests().await.expect("recorded").len(), 0);
    }
}
