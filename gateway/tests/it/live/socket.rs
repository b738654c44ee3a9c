//! GraphQL over WebSockets.

use std::collections::VecDeque;
use std::pin::pin;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::feed::{Told, tell};
use super::watch;
use crate::gate::{Gate, code};

const PROTOCOL: &str = "graphql-transport-ws";

/// A client. It answers pings while it listens, and is gone for the gateway when it does not.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// What was said while it waited for something else.
    heard: VecDeque<Value>,
    pings: usize,
}

impl Socket {
    async fn open(gate: &Gate, protocol: Option<&str>, token: Option<&str>) -> Result<Self, Error> {
        let address = gate.url.strip_prefix("http://").expect("an address");
        let mut request = format!("ws://{address}/graphql").into_client_request()?;
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().expect("a value"));
        }
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a value"));
        }
        let stream = TcpStream::connect(address).await.expect("a connection");
        let (stream, _) = client_async(request, stream).await?;
        Ok(Self { stream, heard: VecDeque::new(), pings: 0 })
    }

    /// A socket whose client has said who it is.
    pub(crate) async fn of(gate: &Gate, token: &str) -> Self {
        let mut socket = Self::open(gate, Some(PROTOCOL), None).await.expect("a socket");
        let payload = json!({ "authorization": format!("Bearer {token}") });
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
        socket
    }

    async fn say(&mut self, message: Value) {
        self.stream.send(Message::text(message.to_string())).await.expect("sent");
    }

    pub(crate) async fn ask(&mut self, id: &str, query: &str) {
        self.say(json!({ "type": "subscribe", "id": id, "payload": { "query": query } })).await;
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            self.listen().await;
        }
    }

    async fn listen(&mut self) {
        match self.stream.next().await.expect("a message").expect("a message") {
            Message::Text(text) => self.heard.push_back(serde_json::from_str(&text).expect("JSON")),
            Message::Ping(_) => self.pings += 1,
            Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }

    /// Waits for something else, and listens meanwhile.
    async fn during<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return done,
                () = self.listen() => {}
            }
        }
    }

    /// How the gateway closes.
    async fn closes(&mut self) -> (u16, String) {
        loop {
            match self.stream.next().await.expect("a message").expect("a message") {
                Message::Close(Some(frame)) => return (frame.code.into(), frame.reason.to_string()),
                Message::Close(None) => panic!("closed without a word"),
                _ => {}
            }
        }
    }
}

fn next(id: &str, data: &Value) -> Value {
    json!({ "type": "next", "id": id, "payload": { "data": data } })
}

#[tokio::test]
async fn an_order_is_told_as_it_changes_beside_other_operations() {
    let mut told = Told::start(json!({ "ping_ms": 500 })).await;
    let mut socket = Socket::of(&told.gate, &told.gate.token()).await;
    socket.ask("one", &watch(1)).await;
    let one = socket.during(told.feed()).await;
    socket.ask("two", &watch(1)).await;
    let two = socket.during(told.feed()).await;
    tell(&one, "pending", 1).await;
    assert_eq!(socket.hear().await, next("one", &json!({ "orderChanged": { "status": "PENDING", "version": 1 } })));
    socket.ask("q", "{ __typename }").await;
    assert_eq!(socket.hear().await, next("q", &json!({ "__typename": "Query" })));
    assert_eq!(socket.hear().await, json!({ "type": "complete", "id": "q" }));
    socket.say(json!({ "type": "ping", "payload": { "n": 1 } })).await;
    assert_eq!(socket.hear().await, json!({ "type": "pong", "payload": { "n": 1 } }));
    // What the client has completed is not told any more, and its id is free.
    socket.say(json!({ "type": "complete", "id": "one" })).await;
    socket.during(one.closed()).await;
    // Who answers pings stays.
    while socket.pings < 2 {
        socket.listen().await;
    }
    tell(&two, "rejected", 2).await;
    assert_eq!(socket.hear().await, next("two", &json!({ "orderChanged": { "status": "REJECTED", "version": 2 } })));
    assert_eq!(socket.hear().await, json!({ "type": "complete", "id": "two" }));
    socket.ask("one", "{ __typename }").await;
    assert_eq!(socket.hear().await["type"], "next");
}

#[tokio::test]
async fn a_token_comes_with_the_first_message_or_with_the_request() {
    let gate = Gate::start().await;
    let token = gate.token();
    let mut socket = Socket::open(&gate, Some(PROTOCOL), Some(&token)).await.expect("a socket");
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
    socket.ask("1", "subscription { orderChanged(id: \"x\") { id } }").await;
    let answer = socket.hear().await;
    assert_eq!((&answer["type"], code(&answer["payload"])), (&json!("next"), "not_found"), "known, and none such");
    assert_eq!(socket.hear().await, json!({ "type": "complete", "id": "1" }));

    for name in ["Authorization", "AUTHORIZATION"] {
        let mut socket = Socket::open(&gate, Some(PROTOCOL), None).await.expect("a socket");
        let payload = json!({ name: format!("Bearer {token}") });
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }), "{name}");
    }

    let forged = gate.issuer.forged(gate.user).expect("a key");
    let refused = Socket::open(&gate, Some(PROTOCOL), Some(&forged)).await;
    assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == 401));
    for (payload, reason) in [
        (Value::Null, "unauthenticated"),
        (json!({ "authorization": "nonsense" }), "invalid_token"),
        (json!({ "authorization": 7 }), "invalid_token"),
        (json!({ "authorization": format!("Bearer {token}"), "Authorization": "Bearer other" }), "invalid_token"),
        (json!({ "Authorization": format!("Bearer {forged}") }), "invalid_token"),
        (json!({ "authorization": format!("Bearer {forged}") }), "invalid_token"),
        (json!({ "authorization": format!("Bearer {}", gate.issuer.expired(gate.user)) }), "invalid_token"),
    ] {
        let mut socket = Socket::open(&gate, Some(PROTOCOL), None).await.expect("a socket");
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.closes().await, (4403, reason.to_owned()));
    }
}

#[tokio::test]
async fn who_breaks_the_protocol_is_shown_out() {
    let gate = Gate::with(json!({ "graphql": { "live": { "init_ms": 300 } } })).await;
    let token = gate.token();
    let mut silent = Socket::open(&gate, Some(PROTOCOL), None).await.expect("a socket");
    assert_eq!(silent.closes().await.0, 4408);
    for protocol in [None, Some("graphql-ws")] {
        // A client of another protocol may hang up by itself.
        if let Ok(mut socket) = Socket::open(&gate, protocol, None).await {
            assert_eq!(socket.closes().await.0, 4406);
        }
    }
    let mut early = Socket::open(&gate, Some(PROTOCOL), None).await.expect("a socket");
    early.ask("1", "{ __typename }").await;
    assert_eq!(early.closes().await.0, 4401);
    let mut twice = Socket::of(&gate, &token).await;
    twice.say(json!({ "type": "connection_init" })).await;
    assert_eq!(twice.closes().await.0, 4429);
    for nonsense in [
        Message::text("nonsense"),
        Message::text("{\"type\":\"start\",\"id\":\"1\",\"payload\":{}}"),
        Message::text("{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":{\"query\":7}}"),
        Message::text("{\"type\":\"subscribe\",\"id\":\"\",\"payload\":{\"query\":\"{ __typename }\"}}"),
        Message::text("{\"type\":\"complete\",\"id\":\"\"}"),
        Message::binary("{}"),
    ] {
        let mut socket = Socket::of(&gate, &token).await;
        socket.stream.send(nonsense).await.expect("sent");
        assert_eq!(socket.closes().await.0, 4400);
    }
    let mut large = Socket::of(&gate, &token).await;
    large.ask("1", &"x".repeat(1024 * 1024)).await;
    assert_eq!(large.closes().await.0, 1009);
    let request = gate.client.get(format!("{}/graphql", gate.url)).header("upgrade", "websocket");
    assert_eq!(request.send().await.expect("an answer").status(), 400, "half a handshake");
}

#[tokio::test]
async fn who_has_not_said_who_it_is_may_not_say_much() {
    let gate = Gate::start().await;
    let mut socket = Socket::open(&gate, Some(PROTOCOL), None).await.expect("a socket");
    for _ in 0..2 {
        // The second one is too much.
        socket.say(json!({ "type": "pong", "payload": { "more": "x".repeat(9_000) } })).await;
    }
    assert_eq!(socket.closes().await.0, 1009);
    // One message is not waited for, either: the rest of this one never comes.
    let mut greedy = Socket::open(&gate, Some(PROTOCOL), None).await.expect("a socket");
    let head = [&[0x81, 0xff][..], &1_000_000_u64.to_be_bytes(), &[0; 4]].concat();
    let wire = greedy.stream.get_mut();
    wire.write_all(&head).await.expect("sent");
    wire.write_all(&[b'x'; 100_000]).await.expect("sent");
    assert_eq!(greedy.closes().await.0, 1009);
    let mut known = Socket::of(&gate, &gate.token()).await;
    for _ in 0..2 {
        known.say(json!({ "type": "pong", "payload": { "more": "x".repeat(9_000) } })).await;
    }
    known.say(json!({ "type": "ping" })).await;
    assert_eq!(known.hear().await["type"], "pong");
}

#[tokio::test]
async fn an_id_names_one_operation_at_a_time() {
    let mut told = Told::start(Value::Null).await;
    let mut socket = Socket::of(&told.gate, &told.gate.token()).await;
    socket.ask("1", &watch(1)).await;
    let feed = told.feed().await;
    socket.ask("1", "{ __typename }").await;
    assert_eq!(socket.closes().await.0, 4409);
    feed.closed().await;
}

#[tokio::test]
async fn the_guard_stands_here_too() {
    let gate = Gate::start().await;
    let mut socket = Socket::of(&gate, &gate.token()).await;
    let mut doubling = "{ ...f0 }".to_owned();
    for level in 0..22 {
        doubling += &format!(" fragment f{level} on Query {{ ...f{0} ...f{0} }}", level + 1);
    }
    doubling += " fragment f22 on Query { __typename }";
    for (query, expected) in [
        (doubling.as_str(), "query_too_complex"),
        ("{", "malformed_request"),
        ("{ nothing }", "validation_failed"),
        ("subscription { ... { __typename } }", "validation_failed"),
        ("subscription { a: __typename b: __typename }", "query_too_complex"),
    ] {
        socket.ask("1", query).await;
        let answer = socket.hear().await;
        let extensions = &answer["payload"][0]["extensions"];
        assert_eq!((&answer["type"], &extensions["code"]), (&json!("error"), &json!(expected)), "{answer}");
        assert!(extensions["requestId"].is_string());
    }
}

#[tokio::test]
async fn one_user_has_so_many_operations_sockets_and_requests() {
    let mut told = Told::start(json!({ "subscriptions": 2, "sockets": 1 })).await;
    let token = told.gate.token();
    let mut socket = Socket::of(&told.gate, &token).await;
    let mut feeds = Vec::new();
    for id in ["1", "2"] {
        socket.ask(id, &watch(1)).await;
        feeds.push(told.feed().await);
    }
    socket.ask("3", &watch(1)).await;
    let refused = socket.hear().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("3")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "rate_limited");
    assert!(refused["payload"][0]["extensions"]["retryAfterMs"].is_u64());
    socket.say(json!({ "type": "complete", "id": "1" })).await;
    socket.ask("3", &watch(1)).await;
    feeds.push(told.feed().await);

    let mut second = Socket::open(&told.gate, Some(PROTOCOL), Some(&token)).await.expect("a socket");
    second.say(json!({ "type": "connection_init" })).await;
    assert_eq!(second.closes().await.0, 1013);

    let gate = Gate::with(json!({ "limits": { "user": { "per_second": 1, "burst": 3 } } })).await;
    let mut socket = Socket::of(&gate, &gate.token()).await;
    let mut answers = Vec::new();
    for id in ["1", "2", "3", "4", "5", "6"] {
        socket.ask(id, "{ __typename }").await;
        let answer = socket.hear().await;
        if answer["type"] == "next" {
            assert_eq!(socket.hear().await["type"], "complete");
        }
        answers.push(answer);
    }
    let limited = answers.iter().filter(|answer| answer["payload"][0]["extensions"]["code"] == "rate_limited");
    assert!(limited.count() >= 1, "each operation counts: {answers:?}");
}

#[tokio::test]
async fn a_socket_ends_with_its_token_and_with_the_gateway() {
    let gate = Gate::start().await;
    let now = chrono::Utc::now().timestamp();
    let short = gate.issuer.token_with(gate.user, |claims| claims["exp"] = (now + 2).into());
    let mut socket = Socket::of(&gate, &short).await;
    assert_eq!(socket.closes().await, (4403, "The access token has expired".to_owned()));
    let mut socket = Socket::of(&gate, &gate.token()).await;
    gate.shut_down();
    assert_eq!(socket.closes().await.0, 1001);
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_gone() {
    let gate = Gate::with(json!({ "graphql": { "live": { "ping_ms": 100 } } })).await;
    let address = gate.url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let handshake = format!(
        "GET /graphql HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-protocol: {PROTOCOL}\r\n\r\n"
    );
    stream.write_all(handshake.as_bytes()).await.expect("sent");
    let mut all = Vec::new();
    // It ends long before the gateway would have asked who this is.
    stream.read_to_end(&mut all).await.expect("an end");
    assert!(all.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&all));
    assert!(all.ends_with(&[0x89, 0]), "a ping was the last thing said");
}
