//! The services behind both gateways: answers that were recorded, in the contracts' own shapes.

use anyhow::Context as _;
use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use contracts::rest::{
    analytics::StatsBatch,
    inventory::Products,
    orders::{Customers, LinksSales, Order, OrderHistories},
    payments::PaymentList,
    shortener::{Link, LinkPage, Links},
};
use http::{StatusCode, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{net::TcpListener, task::AbortHandle};

/// How many links a page has.
pub(super) const LINKS: usize = 20;
/// The order that is told.
pub(super) const ORDER: &str = "01961f3a-0000-7000-8000-000000000001";
const CUSTOMER: &str = "01961f3a-0000-7000-8000-0000000000c1";
const AT: &str = "2026-01-02T03:04:05Z";
/// How many days, referrers and browsers the statistics of a link have.
const DAYS: u64 = 7;
const NAMES: u64 = 5;

/// A server of recorded answers, for all services at one address; ends when dropped.
pub(super) struct Recorded {
    pub(super) url: String,
    calls: Arc<AtomicU64>,
    server: AbortHandle,
}

struct Answers {
    by_path: HashMap<&'static str, Bytes>,
    calls: Arc<AtomicU64>,
}

impl Recorded {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let calls = Arc::<AtomicU64>::default();
        let answers = Arc::new(Answers { by_path: answers()?, calls: Arc::clone(&calls) });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(answers);
        let server = tokio::spawn(axum::serve(listener, router).into_future()).abort_handle();
        Ok(Self { url, calls, server })
    }

    /// How many calls were answered so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(answers): State<Arc<Answers>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(answer) = answers.by_path.get(parts.uri.path()) else { return StatusCode::NOT_FOUND.into_response() };
    answers.calls.fetch_add(1, Ordering::Relaxed);
    // What was asked is read as a service would, or the connection could not be used again.
    if axum::body::to_bytes(body, usize::MAX).await.is_err() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    ([(CONTENT_TYPE, "application/json")], answer.clone()).into_response()
}

fn answers() -> anyhow::Result<HashMap<&'static str, Bytes>> {
    let links: Vec<Value> = (0..LINKS).map(link).collect();
    let items: Vec<Value> = links.iter().map(|link| json!({"cursor": link["id"], "link": link})).collect();
    let sales = |link: &Value| json!({"code": link["code"], "count": 17, "revenue": [money(219_300)]});
    let sales: Vec<Value> = links.iter().map(sales).collect();
    let stats: serde_json::Map<String, Value> = links.iter().filter_map(|link| Some((code(link)?, stats()))).collect();
    Ok(HashMap::from([
        ("/v1/links", recorded::<LinkPage>(json!({"items": items, "has_next_page": true}))?),
        ("/v1/links/code00", recorded::<Link>(link(0))?),
        ("/v1/links/batch", recorded::<Links>(json!({"items": [link(0)]}))?),
        ("/v1/links/sales/batch", recorded::<LinksSales>(json!({"links": sales}))?),
        ("/v1/stats/batch", recorded::<StatsBatch>(json!({"links": stats, "as_of": AT}))?),
        ("/v1/orders/01961f3a-0000-7000-8000-000000000001", recorded::<Order>(order())?),
        ("/v1/orders/events/batch", recorded::<OrderHistories>(history())?),
        ("/v1/customers/batch", recorded::<Customers>(customers())?),
        ("/v1/payments/batch", recorded::<PaymentList>(payments())?),
        ("/v1/products/batch", recorded::<Products>(json!({"items": [product(1), product(2)]}))?),
    ]))
}

/// The bytes that a service answers: what is none of the contract's shape is refused here.
fn recorded<T: DeserializeOwned + Serialize>(value: Value) -> anyhow::Result<Bytes> {
    let answer: T = serde_json::from_value(value).context(std::any::type_name::<T>())?;
    Ok(serde_json::to_vec(&answer)?.into())
}

fn code(link: &Value) -> Option<String> {
    link["code"].as_str().map(str::to_owned)
}

fn id(number: u64) -> String {
    format!("01961f3a-0000-7000-8000-{number:012}")
}

fn money(minor: i64) -> Value {
    json!({"minor": minor, "currency": "BRL"})
}

fn link(number: usize) -> Value {
    json!({
        "id": id(number as u64 + 100), "code": format!("code{number:02}"),
        "url": format!("https://shop.example/products/mug-{number}?utm_source=newsletter"),
        "short_url": format!("https://go.example/code{number:02}"), "title": format!("Mug {number}, blue"),
        "tags": ["promo", "newsletter"], "created_at": AT, "updated_at": AT, "expires_at": null, "max_clicks": null,
        "redirect_status": 302, "forward_query": false, "fallback_url": null, "click_count": 1_234, "active": true,
        "version": 3,
    })
}

/// The facets that the query asks for, in the order in which both ask: totals, days, referrers, browsers.
fn stats() -> Value {
    let point =
        |day| json!({"at": format!("2026-01-{:02}T00:00:00Z", day + 1), "clicks": 40 + day, "unique_visitors": 30});
    let named = |name: &str| {
        let count = |number| json!({"name": format!("{name}-{number}.example"), "count": 90 - number});
        json!({"kind": "top", "counts": (0..NAMES).map(count).collect::<Vec<_>>()})
    };
    json!([
        {"kind": "totals", "clicks": 1_234, "unique_visitors": 987},
        {"kind": "series", "points": (0..DAYS).map(point).collect::<Vec<_>>()},
        named("referrer"),
        named("browser"),
    ])
}

fn order() -> Value {
    let item = |number: u64| {
        json!({"product_id": id(number + 200), "name": "Mug, blue", "quantity": 2, "unit_price": money(4_900),
            "total": money(9_800)})
    };
    json!({
        "id": ORDER, "customer_id": CUSTOMER, "status": "confirmed", "cancelling": false, "items": [item(1), item(2)],
        "total": money(19_600), "link_code": "code00", "payment_method_id": id(7), "payment_id": id(8),
        "rejection": null, "cancellation": null, "tracking_number": null, "placed_at": AT, "updated_at": AT,
        "version": 3,
    })
}

fn product(number: u64) -> Value {
    json!({
        "id": id(number + 200), "sku": format!("MUG-{number}"), "name": "Mug, blue", "description": null,
        "price": money(4_900), "active": true, "stock": {"available": 30}, "created_at": AT, "updated_at": AT,
        "version": 5,
    })
}

fn customers() -> Value {
    let address = json!({"street": "Rua das Flores", "number": "12", "city": "Recife", "state": "PE",
        "zip_code": "50000-000", "country": "BR"});
    json!({"customers": [{
        "id": CUSTOMER, "email": "ana@example.com", "document": "52998224725", "full_name": "Ana Souza",
        "phone": null, "shipping_address": address, "billing_address": address,
        "payment_methods": [{"id": id(7), "kind": "credit_card", "last_four": "4242", "expiry": "2029-12"}],
        "created_at": AT, "updated_at": AT, "version": 1,
    }]})
}

fn payments() -> Value {
    json!({"payments": [{
        "id": id(8), "orders_order_id": ORDER, "orders_customer_id": CUSTOMER, "status": "captured",
        "amount": money(19_600), "refunded": money(0), "method": "credit_card", "last_four": "4242", "refunds": [],
        "created_at": AT,
    }]})
}

fn history() -> Value {
    let event = |version: u64, kind: &str| {
        json!({"version": version, "type": kind, "at": AT, "data": {"by": "saga", "step": version},
            "causation_id": id(version + 300), "correlation_id": "a-request"})
    };
    json!({"histories": [{
        "order_id": ORDER, "events": [event(1, "placed"), event(2, "payment_attached"), event(3, "confirmed")],
    }]})
}
