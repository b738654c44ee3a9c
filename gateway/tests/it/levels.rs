//! One call per service and level, however long the list and however busy the processors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, Request, ResponseTemplate};

use crate::composition::batch;
use crate::gate::{Gate, answers, code, link, requests};
use crate::live::socket::Socket;
use crate::orders::{has_everything, order};

/// Threads that leave the processors no time. They end with this value.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn start() -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        for _ in 0..2 * thread::available_parallelism().map_or(1, usize::from) {
            let ended = Arc::clone(&ended);
            thread::spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(ended)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Plays a page of so many links.
async fn has_links(gate: &Gate, count: usize) {
    let item = |number: usize| json!({ "cursor": format!("c{number}"), "link": link(&format!("code{number}")) });
    let page = json!({ "items": (0..count).map(item).collect::<Vec<_>>(), "has_next_page": false });
    Mock::given(method("GET"))
        .and(path("/v1/links"))
        .and(query_param("first", count.to_string()))
        .respond_with(ResponseTemplate::new(200).set_body_json(page))
        .mount(&gate.shortener)
        .await;
}

/// Plays a page of so many orders.
async fn has_orders(gate: &Gate, count: usize) {
    let item = |number: usize| json!({ "cursor": format!("c{number}"), "order": order(number + 1, "confirmed", 2) });
    let page = json!({ "items": (0..count).map(item).collect::<Vec<_>>(), "has_next_page": false });
    Mock::given(method("GET"))
        .and(path("/v1/orders"))
        .and(query_param("first", count.to_string()))
        .respond_with(ResponseTemplate::new(200).set_body_json(page))
        .mount(&gate.orders)
        .await;
}

/// Plays the statistics and the sales of any links.
async fn has_figures(gate: &Gate) {
    Mock::given(path("/v1/stats/batch"))
        .respond_with(|request: &Request| batch(request, &[]))
        .mount(&gate.analytics)
        .await;
    let sales = |request: &Request| {
        let asked: Value = request.body_json().expect("JSON");
        let codes = asked["codes"].as_array().expect("codes").iter();
        let sold: Vec<_> = codes.map(|code| json!({ "code": code, "count": 2, "revenue": [] })).collect();
        ResponseTemplate::new(200).set_body_json(json!({ "links": sold }))
    };
    Mock::given(path("/v1/links/sales/batch")).respond_with(sales).mount(&gate.orders).await;
}

/// How often each kind of call was made so far.
async fn calls(gate: &Gate) -> [usize; 9] {
    [
        requests(&gate.shortener, "GET", "/v1/links").await,
        requests(&gate.orders, "POST", "/v1/links/sales/batch").await,
        requests(&gate.orders, "GET", "/v1/orders").await,
        requests(&gate.orders, "POST", "/v1/customers/batch").await,
        requests(&gate.orders, "POST", "/v1/orders/events/batch").await,
        requests(&gate.payments, "POST", "/v1/payments/batch").await,
        requests(&gate.inventory, "POST", "/v1/products/batch").await,
        requests(&gate.shortener, "POST", "/v1/links/batch").await,
        requests(&gate.analytics, "POST", "/v1/stats/batch").await,
    ]
}

const LENGTHS: [usize; 3] = [1, 20, 100];

/// A gateway that no call is late for: a second try would be a call, too.
async fn patient() -> Gate {
    let limits = json!({ "try_timeout_ms": 20_000, "deadline_ms": 30_000 });
    let services = ["auth", "shortener", "analytics", "orders", "inventory", "payments"];
    let upstreams: serde_json::Map<_, _> = services.map(|name| (name.to_owned(), limits.clone())).into_iter().collect();
    Gate::with(json!({ "upstreams": upstreams })).await
}

async fn each_level_costs_one_call_of_each_kind() {
    let gate = patient().await;
    has_everything(&gate).await;
    has_figures(&gate).await;
    let _busy = Busy::start();
    for (round, count) in LENGTHS.into_iter().enumerate() {
        has_links(&gate, count).await;
        has_orders(&gate, count).await;
        let links = format!(
            "{{ links(first: {count}) {{ edges {{ node {{ code orders {{ count }}
                stats {{ clicks series {{ clicks }} devices {{ name }} }} }} }} }} }}"
        );
        let answer = gate.ask(&links).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        let edges = answer["data"]["links"]["edges"].as_array().expect("edges");
        assert_eq!((edges.len(), &edges[count - 1]["node"]["orders"]["count"]), (count, &json!(2)));
        assert_eq!(&edges[count - 1]["node"]["stats"]["clicks"], 7);
        // Statistics of an order's link are two levels below the order.
        let orders = format!(
            "{{ orders(first: {count}) {{ edges {{ node {{ customer {{ fullName }} history {{ type }}
                payment {{ status }} items {{ product {{ sku }} }} link {{ stats {{ clicks }} }} }} }} }} }}"
        );
        let answer = gate.ask(&orders).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        let node = &answer["data"]["orders"]["edges"][count - 1]["node"];
        assert_eq!(
            (&node["link"]["stats"]["clicks"], &node["items"][1]["product"]["sku"]),
            (&json!(7), &json!("CAN-1"))
        );
        let lists = round + 1;
        assert_eq!(calls(&gate).await, [lists, lists, lists, lists, lists, lists, lists, lists, 2 * lists], "{count}");
    }
}

#[tokio::test]
async fn one_busy_thread_makes_no_more_calls() {
    each_level_costs_one_call_of_each_kind().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_busy_threads_make_no_more_calls() {
    each_level_costs_one_call_of_each_kind().await;
}

#[tokio::test]
async fn a_field_of_a_mutation_sees_nothing_of_what_was_loaded_before_it() {
    let gate = Gate::start().await;
    answers(&gate.shortener, "PATCH", "/v1/links/promo", 200, link("promo")).await;
    for (count, times) in [(1, Some(1)), (2, None)] {
        let sold = json!({ "links": [{ "code": "promo", "count": count, "revenue": [] }] });
        let mock =
            Mock::given(path("/v1/links/sales/batch")).respond_with(ResponseTemplate::new(200).set_body_json(sold));
        let mock = times.into_iter().fold(mock, Mock::up_to_n_times);
        mock.mount(&gate.orders).await;
    }
    let update = "updateLink(code: \"promo\", input: { tags: [] }) { orders { count } more: orders { count } }";
    let answer = gate.ask(&format!("mutation {{ before: {update} after: {update} }}")).await;
    let sold = |count: u64| json!({ "orders": { "count": count }, "more": { "count": count } });
    assert_eq!(answer, json!({ "data": { "before": sold(1), "after": sold(2) } }));
    assert_eq!(requests(&gate.orders, "POST", "/v1/links/sales/batch").await, 2);
}

#[tokio::test]
async fn the_name_of_a_time_zone_has_an_end() {
    let gate = Gate::start().await;
    has_links(&gate, 1).await;
    let zone = "x".repeat(65);
    let query = format!("{{ links(first: 1) {{ edges {{ node {{ stats(timeZone: \"{zone}\") {{ clicks }} }} }} }} }}");
    let answer = gate.ask(&query).await;
    assert_eq!(code(&answer), "validation_failed", "{answer}");
    assert_eq!(answer["data"]["links"]["edges"][0]["node"]["stats"], Value::Null);
    assert_eq!(requests(&gate.analytics, "POST", "/v1/stats/batch").await, 0);
}

/// A list that costs one call of three services.
const LIST: &str = "{ links(first: 100) { edges { node { orders { count } stats { clicks devices { name } } } } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_list_over_server_sent_events_makes_no_more_calls() {
    let gate = patient().await;
    has_figures(&gate).await;
    has_links(&gate, 100).await;
    let _busy = Busy::start();
    let request = gate.client.post(format!("{}/graphql", gate.url)).bearer_auth(gate.token());
    let request = request.header("accept", "text/event-stream").json(&json!({ "query": LIST }));
    let events = request.send().await.expect("an answer").text().await.expect("events");
    assert!(events.contains("\"clicks\":7") && !events.contains("errors"), "{events}");
    assert_eq!(calls(&gate).await, [1, 1, 0, 0, 0, 0, 0, 0, 1]);
}

async fn a_list_over_a_socket_makes_one_call_of_each_kind() {
    let gate = patient().await;
    has_figures(&gate).await;
    has_links(&gate, 100).await;
    let mut socket = Socket::of(&gate, &gate.token()).await;
    let _busy = Busy::start();
    for lists in 1..=2 {
        socket.ask("list", LIST).await;
        let told = socket.hear().await;
        let edges = told["payload"]["data"]["links"]["edges"].as_array().expect("edges");
        let figures =
            json!({ "orders": { "count": 2 }, "stats": { "clicks": 7, "devices": [{ "name": "news.example" }] } });
        assert!(edges.len() == 100 && edges.iter().all(|edge| edge["node"] == figures), "{told}");
        assert_eq!(socket.hear().await, json!({ "type": "complete", "id": "list" }));
        assert_eq!(calls(&gate).await, [lists, lists, 0, 0, 0, 0, 0, 0, lists]);
    }
}

#[tokio::test]
async fn a_list_over_a_socket_on_one_busy_thread_makes_no_more_calls() {
    a_list_over_a_socket_makes_one_call_of_each_kind().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_list_over_a_socket_on_many_busy_threads_makes_no_more_calls() {
    a_list_over_a_socket_makes_one_call_of_each_kind().await;
}
