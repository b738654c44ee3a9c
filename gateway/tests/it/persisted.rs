//! Documents that clients name by their hash, as Apollo's automatic persisted queries do.

use std::time::Duration;

use redis::AsyncCommands;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::gate::{Gate, code};

const QUERY: &str = "query Kind { __typename }";

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn named(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

async fn post(url: &str, token: Option<&str>, body: Value) -> (u16, Value) {
    let request = chassis::client::new().post(format!("{url}/graphql")).json(&body);
    let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn send(url: &str, token: Option<&str>, text: &str) -> Value {
    post(url, token, json!({ "query": text, "extensions": named(&hash(text)) })).await.1
}

async fn by_hash(url: &str, text: &str) -> Value {
    post(url, None, json!({ "extensions": named(&hash(text)) })).await.1
}

fn is_unknown(answer: &Value) -> bool {
    code(answer) == "PERSISTED_QUERY_NOT_FOUND"
}

#[tokio::test]
async fn a_document_that_was_sent_once_is_asked_for_by_its_hash() {
    let gate = Gate::start().await;
    let (status, answer) = post(&gate.url, None, json!({ "extensions": named(&hash(QUERY)) })).await;
    assert_eq!((status, &answer["errors"][0]["message"]), (200, &json!("PersistedQueryNotFound")));
    assert!(is_unknown(&answer) && answer.get("data").is_none());
    let expected = json!({ "data": { "__typename": "Query" } });
    assert_eq!(send(&gate.url, None, QUERY).await, expected);
    assert_eq!(by_hash(&gate.url, QUERY).await, expected);
    let extensions = named(&hash(QUERY)).to_string();
    let url = format!("{}/graphql", gate.url);
    let url = url::Url::parse_with_params(&url, [("extensions", &*extensions), ("operationName", "Kind")]);
    let answer = gate.client.get(url.expect("a URL")).send().await.expect("an answer");
    assert_eq!(answer.json::<Value>().await.expect("JSON"), expected);
}

#[tokio::test]
async fn a_mutation_is_not_sent_by_get_under_a_hash_either() {
    let gate = Gate::start().await;
    let text = "mutation($token: String!) { logout(refreshToken: $token) }";
    let variables = json!({ "token": "x" });
    post(&gate.url, None, json!({ "query": text, "variables": variables, "extensions": named(&hash(text)) })).await;
    let extensions = named(&hash(text)).to_string();
    let parameters = [("extensions", extensions), ("variables", variables.to_string())];
    let url = url::Url::parse_with_params(&format!("{}/graphql", gate.url), parameters);
    assert_eq!(gate.client.get(url.expect("a URL")).send().await.expect("an answer").status(), 405);
    assert_eq!(gate.auth.received_requests().await.expect("recorded").len(), 1, "the one that was posted");
}

#[tokio::test]
async fn a_mutation_that_holds_what_should_be_a_variable_is_not_kept() {
    let gate = Gate::start().await;
    let text = "mutation { login(input: { email: \"ana@example.com\", password: \"correct horse\" }) { accessToken } }";
    send(&gate.url, None, text).await;
    assert!(is_unknown(&by_hash(&gate.url, text).await));
}

#[tokio::test]
async fn what_is_wrong_with_a_hash_is_told() {
    let gate = Gate::start().await;
    let body = |query: Option<&str>, persisted: Value| {
        let extensions = json!({ "persistedQuery": persisted });
        match query {
            Some(query) => json!({ "query": query, "extensions": extensions }),
            None => json!({ "extensions": extensions }),
        }
    };
    let other = json!({ "version": 1, "sha256Hash": hash("{ other }") });
    let answer = post(&gate.url, None, body(Some(QUERY), other.clone())).await.1;
    assert_eq!((code(&answer), answer.get("data")), ("validation_failed", None));
    assert!(is_unknown(&post(&gate.url, None, body(None, other)).await.1), "nothing was kept");
    let future = json!({ "version": 2, "sha256Hash": hash(QUERY) });
    assert_eq!(code(&post(&gate.url, None, body(Some(QUERY), future)).await.1), "PERSISTED_QUERY_NOT_SUPPORTED");
    for odd in ["", "../../etc", &"x".repeat(10_000), &hash(QUERY).to_uppercase()] {
        assert!(is_unknown(&post(&gate.url, None, body(None, json!({ "version": 1, "sha256Hash": odd }))).await.1));
    }
    for malformed in [json!({}), json!("hash"), json!({ "version": "1", "sha256Hash": hash(QUERY) })] {
        let (status, answer) = post(&gate.url, None, body(None, malformed)).await;
        assert_eq!((status, code(&answer)), (400, "malformed_request"));
    }
}

#[tokio::test]
async fn only_what_is_valid_is_kept() {
    let gate = Gate::with(json!({ "graphql": { "persisted": { "most_bytes": 100 } } })).await;
    let large = format!("{{ __typename }} # {}", "x".repeat(100));
    for (text, expected) in [("{", "malformed_request"), ("{ nothing }", "validation_failed"), (&*large, "none")] {
        assert_eq!(code(&send(&gate.url, Some(&gate.token()), text).await), expected);
        assert!(is_unknown(&by_hash(&gate.url, text).await), "{text}");
    }
}

#[tokio::test]
async fn users_documents_are_known_to_every_gateway_and_strangers_are_not() {
    let first = Gate::start().await;
    let second = first.beside().await;
    send(&first.url, None, QUERY).await;
    let users = "query Users { __typename }";
    send(&first.url, Some(&first.token()), users).await;
    let known = async || Ok((!is_unknown(&by_hash(&second.url, users).await)).then_some(()));
    kit::eventually(Duration::from_secs(10), "the document to be known", known).await.expect("it is shared");
    assert!(is_unknown(&by_hash(&second.url, QUERY).await), "a stranger's is kept where it was sent only");
}

#[tokio::test]
async fn one_user_adds_so_many_and_all_together_are_so_many() {
    let bounds = json!({ "graphql": { "persisted": { "most_per_user": 3, "most": 4 } } });
    let first = Gate::with(bounds).await;
    let second = first.beside().await;
    let text = |who: usize, number: usize| format!("query U{who}N{number} {{ __typename }}");
    let kept = async |who: usize, number: usize| !is_unknown(&by_hash(&second.url, &text(who, number)).await);
    for who in 0..2 {
        let token = first.issuer.token(uuid::Uuid::now_v7(), &["user"]);
        for number in 0..5 {
            send(&first.url, Some(&token), &text(who, number)).await;
            // Each is written before the next, so that the oldest is certain.
            let settled = async || Ok((number >= 3 || kept(who, number).await).then_some(()));
            kit::eventually(Duration::from_secs(10), "the document to be kept", settled).await.expect("it is kept");
        }
    }
    let third = first.beside().await;
    let mut found = Vec::new();
    for (who, number) in (0..2).flat_map(|who| (0..5).map(move |number| (who, number))) {
        if !is_unknown(&by_hash(&third.url, &text(who, number)).await) {
            found.push((who, number));
        }
    }
    assert_eq!(found, [(0, 2), (1, 0), (1, 1), (1, 2)], "three of each, the oldest two of six gone");
}

#[tokio::test]
async fn what_is_in_use_stays_however_much_is_sent() {
    let bounds = json!({ "most_per_user": 3, "most": 10, "use_seconds": 1 });
    let gate = Gate::with(json!({ "graphql": { "persisted": bounds } })).await;
    let mut redis = gate.redis().await;
    send(&gate.url, Some(&gate.token()), QUERY).await;
    // The gateway has it in memory: Redis hears of its uses all the same.
    let is_used_again = async || {
        assert!(!is_unknown(&by_hash(&gate.url, QUERY).await));
        let uses =
            redis.clone().zscore(gate.key("documents:uses"), gate.key(&format!("document:{}", hash(QUERY)))).await;
        Ok(uses.ok().flatten().is_some_and(|uses: f64| uses >= 1.0).then_some(()))
    };
    kit::eventually(Duration::from_secs(10), "its use to be counted", is_used_again).await.expect("it counts");
    let key_of = |text: &str| gate.key(&format!("document:{}", hash(text)));
    let mut keys = vec![key_of(QUERY)];
    for user in (0..20).map(|_| uuid::Uuid::now_v7()) {
        let token = gate.issuer.token(user, &["user"]);
        for number in 0..3 {
            let text = format!("query U{}N{number} {{ __typename }}", user.simple());
            send(&gate.url, Some(&token), &text).await;
            keys.push(key_of(&text));
        }
        let is_kept = async || {
            let added: Option<u64> = redis.clone().get(gate.key(&format!("documents:{user}"))).await?;
            Ok((added == Some(3)).then_some(()))
        };
        kit::eventually(Duration::from_secs(10), "documents to be added", is_kept).await.expect("they are");
    }
    let other = gate.beside().await;
    assert!(!is_unknown(&by_hash(&other.url, QUERY).await), "60 others were sent since");
    let indexed: u64 = redis.zcard(gate.key("documents:uses")).await.expect("a number");
    let kept: u64 = redis.exists(keys).await.expect("a number");
    assert_eq!((indexed, kept), (10, 10));
}

#[tokio::test]
async fn without_redis_each_gateway_knows_its_own() {
    let nowhere = json!({ "redis": { "url": "redis://127.0.0.1:1" } });
    let gate = Gate::with(nowhere).await;
    assert!(is_unknown(&by_hash(&gate.url, QUERY).await));
    send(&gate.url, Some(&gate.token()), QUERY).await;
    assert_eq!(by_hash(&gate.url, QUERY).await, json!({ "data": { "__typename": "Query" } }));
}
