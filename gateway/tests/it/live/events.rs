//! GraphQL over server-sent events.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::Response;
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, ResponseTemplate};

use super::feed::{Told, tell};
use super::watch;
use crate::gate::{Gate, code};

pub(super) async fn ask(gate: &Gate, token: Option<&str>, accept: &str, query: &str) -> Response {
    let request = gate.client.post(format!("{}/graphql", gate.url)).header("accept", accept);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.json(&json!({ "query": query })).send().await.expect("an answer")
}

/// The events of an answer, each with its name.
pub(super) struct Events {
    pieces: BoxStream<'static, Vec<u8>>,
    text: String,
}

impl Events {
    pub(super) fn of(answer: Response) -> Self {
        assert_eq!(answer.status(), 200);
        assert!(answer.headers()["content-type"].to_str().expect("text").starts_with("text/event-stream"));
        let pieces = answer.bytes_stream().map(|piece| piece.map(|bytes| bytes.to_vec()).unwrap_or_default());
        Self { pieces: pieces.boxed(), text: String::new() }
    }

    /// The next event, comments left out; nothing at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let found = field("event:").map(|name| {
                    let data = field("data:").unwrap_or_default();
                    (name.to_owned(), serde_json::from_str(data).unwrap_or(Value::Null))
                });
                self.text = rest.to_owned();
                if found.is_some() {
                    return found;
                }
                continue;
            }
            let piece = self.pieces.next().await?;
            self.text += std::str::from_utf8(&piece).expect("UTF-8");
        }
    }

    /// The next event, which must be a result.
    pub(super) async fn result(&mut self) -> Value {
        let (name, data) = self.next().await.expect("an event");
        assert_eq!(name, "next", "{data}");
        data
    }

    pub(super) async fn completes(&mut self) {
        assert_eq!(self.next().await, Some(("complete".to_owned(), Value::Null)));
        assert_eq!(self.next().await, None);
    }
}

pub(super) const EVENTS: &str = "text/event-stream";

#[tokio::test]
async fn an_order_is_told_as_it_changes_until_nothing_can_happen_to_it() {
    let mut told = Told::start(Value::Null).await;
    let answer = ask(&told.gate, Some(&told.gate.token()), EVENTS, &watch(1)).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let mut events = Events::of(answer);
    let feed = told.feed().await;
    for (status, version) in [("pending", 1), ("confirmed", 2), ("cancelled", 3)] {
        tell(&feed, status, version).await;
        let order = json!({ "status": status.to_uppercase(), "version": version });
        assert_eq!(events.result().await, json!({ "data": { "orderChanged": order } }));
    }
    events.completes().await;
}

#[tokio::test]
async fn what_an_order_leads_to_is_loaded_anew_for_each_event() {
    let mut told = Told::start(Value::Null).await;
    Mock::given(path("/v1/payments/batch"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "payments": [] })))
        .mount(&told.gate.payments)
        .await;
    let query = watch(1).replace("status version", "payment { id }");
    let mut events = Events::of(ask(&told.gate, Some(&told.gate.token()), EVENTS, &query).await);
    let feed = told.feed().await;
    for version in [1, 2] {
        tell(&feed, "pending", version).await;
        assert_eq!(events.result().await["data"]["orderChanged"]["payment"], Value::Null);
    }
    assert_eq!(crate::gate::requests(&told.gate.payments, "POST", "/v1/payments/batch").await, 2);
}

#[tokio::test]
async fn a_feed_that_ends_breaks_or_falls_silent_ends_with_an_error() {
    let mut told = Told::start(json!({ "silence_ms": 200 })).await;
    for how in ["ends", "breaks", "is silent", "is no order"] {
        let mut events = Events::of(ask(&told.gate, Some(&told.gate.token()), EVENTS, &watch(1)).await);
        let feed = told.feed().await;
        tell(&feed, "pending", 1).await;
        assert_eq!(events.result().await["data"]["orderChanged"]["version"], 1, "{how}");
        match how {
            "breaks" => feed.send(Err(std::io::Error::other("power cut"))).await.expect("the gateway listens"),
            "is no order" => feed.send(Ok("data: {}\n\n".into())).await.expect("the gateway listens"),
            _ => {}
        }
        let kept = (how == "is silent").then_some(feed);
        let result = events.result().await;
        let expected = if how == "is no order" { "bad_upstream" } else { "unavailable" };
        let error = &result["errors"][0];
        assert_eq!((code(&result), &error["extensions"]["service"]), (expected, &json!("orders")), "{how}: {result}");
        assert_eq!((&error["path"], &result["data"]), (&json!(["orderChanged"]), &Value::Null));
        assert!(error["extensions"]["requestId"].is_string());
        events.completes().await;
        drop(kept);
    }
}

#[tokio::test]
async fn orders_that_is_away_or_refuses_is_told() {
    let gate = Gate::start().await;
    let missing = contracts::problem::Problem::new(contracts::problem::Code::NotFound, "There is no such order.");
    Mock::given(path(format!("/v1/orders/{}/changes", crate::orders::id(1))))
        .respond_with(ResponseTemplate::new(404).set_body_json(missing))
        .mount(&gate.orders)
        .await;
    Mock::given(path(format!("/v1/orders/{}/changes", crate::orders::id(2))))
        .respond_with(ResponseTemplate::new(503))
        .mount(&gate.orders)
        .await;
    for (query, expected) in [
        (watch(1), "not_found"),
        (watch(2), "unavailable"),
        ("subscription { orderChanged(id: \"../1\") { id } }".to_owned(), "not_found"),
    ] {
        let mut events = Events::of(ask(&gate, Some(&gate.token()), EVENTS, &query).await);
        let result = events.result().await;
        assert_eq!((code(&result), &result["data"]), (expected, &Value::Null), "{result}");
        events.completes().await;
    }
}

#[tokio::test]
async fn who_may_not_listen_is_told_so() {
    let gate = Gate::start().await;
    let forged = gate.issuer.forged(gate.user).expect("a key");
    assert_eq!(ask(&gate, Some(&forged), EVENTS, &watch(1)).await.status(), 401);
    let mut events = Events::of(ask(&gate, None, EVENTS, &watch(1)).await);
    assert_eq!(code(&events.result().await), "unauthenticated");
    events.completes().await;
    assert_eq!(gate.orders.received_requests().await.expect("recorded").len(), 0);
}

#[tokio::test]
async fn requests_that_are_not_executed_are_told_as_events_too() {
    let gate = Gate::start().await;
    let token = gate.token();
    let two = "subscription { a: orderChanged(id: \"1\") { id } b: orderChanged(id: \"1\") { id } }";
    let variable = "subscription($id: ID!) { orderChanged(id: $id) { id } }";
    for (query, expected) in [
        ("{", "malformed_request"),
        ("subscription { nothing }", "validation_failed"),
        ("subscription { __typename }", "validation_failed"),
        (variable, "validation_failed"),
        (two, "query_too_complex"),
    ] {
        let mut events = Events::of(ask(&gate, Some(&token), EVENTS, query).await);
        let result = events.result().await;
        assert_eq!((code(&result), result.get("data")), (expected, None), "{query}: {result}");
        events.completes().await;
    }
    let request = gate.client.post(format!("{}/graphql", gate.url)).header("accept", EVENTS).body("{}");
    assert_eq!(request.send().await.expect("an answer").status(), 415);
}

#[tokio::test]
async fn the_field_of_a_subscription_may_stand_in_a_fragment() {
    let gate = Gate::start().await;
    let query = "subscription { ...f } fragment f on Subscription { ... { orderChanged(id: \"1\") { id } } }";
    let mut events = Events::of(ask(&gate, Some(&gate.token()), EVENTS, query).await);
    let result = events.result().await;
    // It ran: the order is not there, and the field may not be null.
    assert_eq!((code(&result), &result["data"]), ("not_found", &Value::Null), "{result}");
    assert_eq!(result["errors"][0]["path"], json!(["orderChanged"]));
}

#[tokio::test]
async fn a_subscription_needs_events_and_other_operations_may_have_them() {
    let gate = Gate::start().await;
    let token = gate.token();
    assert_eq!(ask(&gate, Some(&token), "application/json, */*", &watch(1)).await.status(), 406);
    let url = url::Url::parse_with_params(&format!("{}/graphql", gate.url), [("query", watch(1))]).expect("a URL");
    assert_eq!(gate.client.get(url).send().await.expect("an answer").status(), 406, "it would be told as events");

    let mut events = Events::of(ask(&gate, Some(&token), EVENTS, "{ __typename }").await);
    assert_eq!(events.result().await, json!({ "data": { "__typename": "Query" } }));
    events.completes().await;
    // Clients that name everything they can read get what fits.
    let all = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed";
    let answer = ask(&gate, Some(&token), all, "{ __typename }").await;
    assert!(answer.headers()["content-type"].to_str().expect("text").contains("graphql-response+json"));
    let unknown = "subscription { orderChanged(id: \"x\") { id } }";
    assert_eq!(code(&Events::of(ask(&gate, Some(&token), all, unknown).await).result().await), "not_found");
}

#[tokio::test]
async fn the_last_event_has_a_line_of_data() {
    let gate = Gate::start().await;
    let text = ask(&gate, None, EVENTS, "{ __typename }").await.text().await.expect("text");
    assert_eq!(text, "event: next\ndata: {\"data\":{\"__typename\":\"Query\"}}\n\nevent: complete\ndata:\n\n");
}

#[tokio::test]
async fn events_may_be_asked_for_by_get() {
    let mut told = Told::start(Value::Null).await;
    let get = async |query: &str, token: Option<&str>| {
        let url = format!("{}/graphql", told.gate.url);
        let url = url::Url::parse_with_params(&url, [("query", query)]).expect("a URL");
        let request = told.gate.client.get(url).header("accept", EVENTS);
        let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        request.send().await.expect("an answer")
    };
    let token = told.gate.token();
    let mut events = Events::of(get("{ __typename }", None).await);
    assert_eq!(events.result().await, json!({ "data": { "__typename": "Query" } }));
    events.completes().await;
    let refused = get("mutation { logout(refreshToken: \"x\") }", Some(&token)).await;
    assert_eq!((refused.status().as_u16(), refused.headers()["allow"].to_str().expect("text")), (405, "POST"));
    assert_eq!(get("{ __typename }", Some("nonsense")).await.status(), 401);
    let answer = get(&watch(1), Some(&token)).await;
    let mut events = Events::of(answer);
    let feed = told.feed().await;
    tell(&feed, "cancelled", 1).await;
    assert_eq!(events.result().await["data"]["orderChanged"]["version"], 1);
    events.completes().await;
}

#[tokio::test]
async fn a_quiet_stream_is_kept_open() {
    let mut told = Told::start(json!({ "ping_ms": 50 })).await;
    let answer = ask(&told.gate, Some(&told.gate.token()), EVENTS, &watch(1)).await;
    let _feed = told.feed().await;
    let first = answer.bytes_stream().next().await.expect("a piece").expect("whole");
    assert_eq!(&first[..], b":\n\n");
}

#[tokio::test]
async fn one_user_has_so_many_places_and_gets_them_back() {
    let mut told = Told::start(json!({ "subscriptions": 2 })).await;
    let token = told.gate.token();
    let mut open = Vec::new();
    for _ in 0..2 {
        let events = Events::of(ask(&told.gate, Some(&token), EVENTS, &watch(1)).await);
        open.push((events, told.feed().await));
    }
    let refused = ask(&told.gate, Some(&token), EVENTS, &watch(1)).await;
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("retry-after")), (429, true));
    let stranger = told.gate.issuer.token(uuid::Uuid::now_v7(), &["user"]);
    assert_eq!(ask(&told.gate, Some(&stranger), EVENTS, &watch(1)).await.status(), 200);
    // Who goes away makes room: the gateway notices when it has something to say.
    let (events, feed) = open.pop().expect("an open one");
    drop(events);
    let probe = async || {
        let _ = feed.try_send(Ok(": still here\n\n".into()));
        let answer = ask(&told.gate, Some(&token), EVENTS, &watch(1)).await;
        Ok((answer.status() == 200).then_some(()))
    };
    kit::eventually(Duration::from_secs(10), "a place", probe).await.expect("room");
}

#[tokio::test]
async fn a_feed_ends_with_its_token_and_with_the_gateway() {
    let mut told = Told::start(json!({ "ping_ms": 100 })).await;
    let now = chrono::Utc::now().timestamp();
    let short = told.gate.issuer.token_with(told.gate.user, |claims| claims["exp"] = (now + 2).into());
    // On a busy machine it may end before orders is asked.
    let mut events = Events::of(ask(&told.gate, Some(&short), EVENTS, &watch(1)).await);
    assert_eq!(code(&events.result().await), "invalid_token");
    events.completes().await;

    let mut events = Events::of(ask(&told.gate, Some(&told.gate.token()), EVENTS, &watch(1)).await);
    let _feed = told.feed().await;
    told.gate.shut_down();
    assert_eq!(events.next().await, None, "not completed: the client may ask again");
}
