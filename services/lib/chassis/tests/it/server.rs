//! Slow and greedy clients cost themselves, and whoever is served when the unit ends gets an answer.

use axum::{
    Router,
    body::{Body, Bytes},
    routing::{any, get, post},
};
use chassis::{
    config::{Clients, Http},
    http::{Acceptor, Json, Limits, full},
    server::serve,
};
use contracts::problem::Code;
use http::StatusCode;
use serde_json::Value;
use std::{convert::Infallible, io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes.
const AGES: Duration = Duration::from_secs(20);
const SHORT_MS: u64 = 200;
const GET: &str = "GET /ready HTTP/1.1\r\nhost: a\r\n\r\n";

struct Unit {
    address: SocketAddr,
    shutdown: CancellationToken,
    /// Lets `/waits` answer.
    go: Arc<Notify>,
    server: JoinHandle<()>,
}

impl Unit {
    async fn start(change: impl FnOnce(&mut Clients)) -> Self {
        let http = Http::default();
        let mut config = Http { trusted_proxies: Vec::new(), ..http.clone() };
        change(&mut config.clients);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown, go) =
            (listener.local_addr().unwrap(), CancellationToken::new(), Arc::new(Notify::new()));
        let waits = Arc::clone(&go);
        let endless = futures::stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[0; 64 * 1024])));
        let router = Router::new()
            .route("/ready", any(|| async { "ready" }))
            .route("/refuses", post(|| async { StatusCode::UNAUTHORIZED }))
            .route("/reads", post(|Json(body): Json<Value>| async move { body.to_string() }))
            .route("/pours", get(|| async move { Body::from_stream(endless) }))
            .route("/waits", get(|| async move { waits.notified().await }));
        let limits = Limits::from(&http);
        let acceptor = Acceptor::new(full(router, &limits), None, &limits);
        let server = tokio::spawn(serve(listener, acceptor, config, shutdown.clone()));
        Self { address, shutdown, go, server }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads one answer that tells its length.
    async fn answer(&mut self) -> String {
        let mut text = String::new();
        let read = async {
            loop {
                let mut bytes = [0; 4096];
                let count = self.0.read(&mut bytes).await.unwrap();
                assert!(count > 0, "closed after {text:?}");
                text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                    return;
                }
            }
        };
        timeout(AGES, read).await.expect("an answer");
        text
    }

    /// Waits until the unit has closed the connection, and returns what it said before.
    async fn end(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset is an end, too.
        let _ = timeout(AGES, self.0.read_to_end(&mut bytes)).await.expect("the unit closes the connection");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn is_last(answer: &str) -> bool {
    answer.to_lowercase().contains("connection: close")
}

#[tokio::test]
async fn whoever_brings_no_request_is_closed() {
    let unit = Unit::start(|clients| clients.idle_ms = SHORT_MS).await;
    for start in
        ["", "GET /re", "GET /ready HTTP/1.1\r\nhost: a\r\nx: ", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut client = unit.connect().await;
        client.send(start).await;
        client.end().await;
    }
    let mut kept = unit.connect().await;
    for _ in 0..2 {
        kept.send(GET).await;
        assert!(!is_last(&kept.answer().await));
    }
    assert_eq!(kept.end().await, "");
}

#[tokio::test]
async fn a_request_may_take_longer_than_a_connection_may_be_idle() {
    let unit = Unit::start(|clients| clients.idle_ms = SHORT_MS).await;
    let mut client = unit.connect().await;
    client.send("GET /waits HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut idle = unit.connect().await;
    idle.end().await;
    unit.go.notify_one();
    assert!(client.answer().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_drips_is_refused_and_one_that_flows_is_read() {
    let unit = Unit::start(|clients| (clients.body_ms, clients.body_bytes_per_second) = (SHORT_MS, 1_000_000)).await;
    let head = "POST /reads HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
    let mut slow = unit.connect().await;
    slow.send(head).await;
    slow.send("{").await;
    let answer = slow.end().await;
    assert!(answer.starts_with("HTTP/1.1 400") && is_last(&answer), "{answer}");
    assert!(answer.contains(Code::MalformedRequest.as_str()) && answer.contains("too slowly"), "{answer}");
    let mut quick = unit.connect().await;
    quick.send(head).await;
    quick.send(&format!("{{}}{}", " ".repeat(98))).await;
    let answer = quick.answer().await;
    assert!(answer.starts_with("HTTP/1.1 200") && !is_last(&answer), "{answer}");
}

#[tokio::test]
async fn whoever_takes_nothing_of_its_answer_gives_its_place_back() {
    let unit = Unit::start(|clients| (clients.stalled_ms, clients.connections_per_address) = (SHORT_MS, 1)).await;
    let mut greedy = unit.connect().await;
    greedy.send("GET /pours HTTP/1.1\r\nhost: a\r\n\r\n").await;
    is_served(&unit).await;
}

/// Waits until the unit has a place for us.
async fn is_served(unit: &Unit) {
    let asks = async || {
        let mut client = unit.connect().await;
        let sent = client.0.write_all(GET.as_bytes()).await.is_ok();
        let mut start = [0; 12];
        Ok((sent && client.0.read_exact(&mut start).await.is_ok() && &start == b"HTTP/1.1 200").then_some(()))
    };
    kit::eventually(AGES, "a place", asks).await.unwrap();
}

#[tokio::test]
async fn one_address_has_so_many_connections() {
    let unit = Unit::start(|clients| clients.connections_per_address = 2).await;
    let mut held = [unit.connect().await, unit.connect().await];
    for client in &mut held {
        client.send(GET).await;
        client.answer().await;
    }
    let mut beyond = unit.connect().await;
    beyond.send(GET).await;
    let answer = beyond.end().await;
    assert!(answer.starts_with("HTTP/1.1 503") && is_last(&answer), "one too many: {answer}");
    assert!(answer.contains(Code::Overloaded.as_str()) && answer.contains("retry-after: 1"), "{answer}");
    assert_eq!(unit.connect().await.end().await, "", "who asks nothing is told nothing");
    drop(held);
    is_served(&unit).await;
}

#[tokio::test]
async fn who_is_refused_while_it_still_sends_reads_why() {
    let unit = Unit::start(|_| ()).await;
    for _ in 0..20 {
        let mut client = unit.connect().await;
        client.send("POST /refuses HTTP/1.1\r\nhost: a\r\ncontent-length: 524288\r\n\r\n").await;
        client.0.readable().await.expect("it is answered");
        // As simple clients do: everything first, and then they look.
        for _ in 0..8 {
            client.0.write_all(&[b' '; 65_536]).await.expect("it is taken");
        }
        let answer = client.answer().await;
        assert!(answer.starts_with("HTTP/1.1 401") && is_last(&answer), "{answer}");
    }
}

#[tokio::test]
async fn an_end_loses_no_request() {
    let unit = Unit::start(|clients| clients.farewell_ms = 2_000).await;
    let (mut kept, mut busy) = (unit.connect().await, unit.connect().await);
    kept.send(GET).await;
    assert!(!is_last(&kept.answer().await));
    busy.send("GET /waits HTTP/1.1\r\nhost: a\r\n\r\n").await;
    unit.shutdown.cancel();
    kept.send(GET).await;
    assert!(is_last(&kept.answer().await), "it may be used once more");
    assert_eq!(kept.end().await, "");
    let mut late = unit.connect().await;
    late.send(GET).await;
    assert!(is_last(&late.answer().await), "who comes during the farewell is served");
    let refused = async || {
        let error = TcpStream::connect(unit.address).await.err();
        Ok(error.is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused).then_some(()))
    };
    kit::eventually(AGES, "the listener to be closed", refused).await.unwrap();
    assert!(!unit.server.is_finished(), "a request is under way");
    unit.go.notify_one();
    assert!(is_last(&busy.answer().await));
    timeout(AGES, unit.server).await.expect("the last connection is closed").unwrap();
}

#[tokio::test]
async fn http_2_is_spoken_and_says_farewell() {
    let unit = Unit::start(|_| ()).await;
    chassis::jwt::crypto::install();
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let answer = client.get(format!("http://{}/ready", unit.address)).send().await.unwrap();
    assert_eq!((answer.version(), answer.status()), (http::Version::HTTP_2, StatusCode::OK));
    unit.shutdown.cancel();
    timeout(AGES, unit.server).await.expect("the connection is closed").unwrap();
}
