//! A bad token is refused, never taken for none.

use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, ResponseTemplate};

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
async fn a_bad_token_is_no_matter_to_what_gets_a_new_one() {
    let gate = Gate::start().await;
    let wrong = contracts::problem::Problem::new(contracts::problem::Code::InvalidCredentials, "It is wrong.");
    Mock::given(any()).respond_with(ResponseTemplate::new(401).set_body_json(wrong)).mount(&gate.auth).await;
    let ask = async |token: &str, query: &str| {
        let request = gate.client.post(format!("{}/graphql", gate.url)).bearer_auth(token);
        let answer = request.json(&json!({ "query": query })).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let login = "login(input: { email: \"a@example.com\", password: \"b\" }) { expiresIn }";
    let register = "register(input: { email: \"a\", password: \"b\", fullName: \"c\" }) { expiresIn }";
    for token in ["nonsense".to_owned(), gate.issuer.expired(gate.user), gate.issuer.forged(gate.user).expect("a key")]
    {
        for query in [
            format!("mutation {{ {login} }}"),
            format!("mutation {{ me: {login} }}"),
            format!("mutation {{ {register} }}"),
            "mutation { refreshSession(refreshToken: \"r\") { expiresIn } }".to_owned(),
            format!("mutation {{ ...f ... on Mutation {{ b: {login} }} }} fragment f on Mutation {{ a: {login} }}"),
        ] {
            let (status, answer) = ask(&token, &query).await;
            assert_eq!((status, code(&answer)), (200, "invalid_credentials"), "{query}: {answer}");
        }
        for query in [
            format!("mutation {{ {login} logout(refreshToken: \"r\") }}"),
            format!("mutation {{ {login} __typename }}"),
            format!("mutation {{ {login} @skip(if: true) }}"),
            format!("mutation {{ {login} ...f }} fragment f on Mutation {{ deleteAccount(password: \"p\") }}"),
            format!("mutation {{ {login} ... {{ login: deleteAccount(password: \"p\") }} }}"),
            "mutation { logout(refreshToken: \"r\") }".to_owned(),
            "{ products { edges { cursor } } }".to_owned(),
            "{ login: __typename }".to_owned(),
            format!("mutation A {{ {login} }} mutation B {{ deleteAccount(password: \"p\") }}"),
            "{ nonsense".to_owned(),
        ] {
            let (status, answer) = ask(&token, &query).await;
            assert_eq!((status, &answer["code"]), (401, &json!("invalid_token")), "{query}: {answer}");
        }
    }
    let url = format!("{}/graphql", gate.url);
    for (content_type, body) in [("text/plain", "{}"), ("application/json", "{"), ("application/json", "{}")] {
        let request = gate.client.post(&url).bearer_auth("nonsense").header("content-type", content_type);
        assert_eq!(request.body(body).send().await.expect("an answer").status(), 401, "{content_type} {body}");
    }
    let sent = gate.auth.received_requests().await.expect("recorded");
    assert!(!sent.is_empty() && sent.iter().all(|request| !request.headers.contains_key("authorization")));
    assert_eq!(gate.inventory.received_requests().await.expect("recorded").len(), 0);
}

#[tokio::test]
async fn a_bad_token_counts_for_its_address_whatever_it_asks() {
    let gate = Gate::with(json!({ "limits": { "address": { "per_second": 1, "burst": 3 } } })).await;
    let login = "mutation { login(input: { email: \"a\", password: \"b\" }) { expiresIn } }";
    let mut last = 0;
    for _ in 0..6 {
        let request = gate.client.post(format!("{}/graphql", gate.url)).bearer_auth("nonsense");
        last = request.json(&json!({ "query": login })).send().await.expect("an answer").status().as_u16();
    }
    assert_eq!(last, 429);
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
