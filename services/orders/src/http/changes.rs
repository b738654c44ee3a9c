//! Changes of an order, as server-sent events.

use super::Unknown;
use crate::app::Orders;
use crate::changes::Watch;
use crate::metrics as names;
use axum::extract;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use chassis::http::documented::Usual;
use chassis::http::{Failure, Path};
use chassis::jwt::Caller;
use contracts::rest::orders::Order;
use futures::{StreamExt, stream};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// How long a stream goes on: as long as a token lives. The client comes again with a fresh one.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How often something is sent when nothing happens, so that nobody on the way closes the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often is looked although nobody told of a change: notices are a help, not a promise.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Tells an order now and whenever it changes, until nothing can happen to it any more; for 15 minutes at most.
///
/// Events: `order`, with the order as JSON and its version as id. With `Last-Event-ID`, what was seen is not repeated.
#[utoipa::path(
    get, path = "/v1/orders/{id}/changes", tag = "orders", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The order."),
        ("Last-Event-ID" = Option<u64>, Header, description = "The version that was seen last."),
    ),
    responses(
        (status = 200, description = "The order, each time that it changes.", body = Order, content_type = "text/event-stream"),
        Usual, Unknown
    ),
)]
pub(super) async fn watch(
    extract::State(state): extract::State<super::State>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Failure> {
    // Before the order is read: what changes from then on is heard.
    let watch = state.orders.watch(id);
    state.orders.order(&caller, id, None).await?;
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    let watcher = Watcher { orders: state.orders, caller, id, watch, seen, is_over: false, _counted: Counted::new() };
    let shutdown = state.shutdown.clone();
    let end = async move {
        tokio::select! {
            () = sleep(LONGEST) => {}
            () = shutdown.cancelled_owned() => {}
        }
    };
    let events = stream::unfold(watcher, Watcher::next).take_until(Box::pin(end));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// One client, and what it has seen.
struct Watcher {
    orders: Orders,
    caller: Caller,
    id: Uuid,
    watch: Watch,
    seen: u64,
    is_over: bool,
    _counted: Counted,
}

impl Watcher {
    /// Waits for a version that was not seen; nothing after the last one.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        while !self.is_over {
            // While the database is away there is nothing to tell.
            if let Ok(order) = self.orders.order(&self.caller, self.id, None).await {
                self.is_over = order.status.is_final();
                if order.version > self.seen {
                    self.seen = order.version;
                    return Some((Ok(told(&order)), self));
                }
                if self.is_over {
                    return None;
                }
            }
            let _ = timeout(LOOK_EVERY, self.watch.changed()).await;
        }
        None
    }
}

fn told(order: &Order) -> Event {
    let event = Event::default().event("order").id(order.version.to_string());
    event.json_data(order).unwrap_or_default()
}

/// Counts a client for as long as it is there.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!(names::WATCHERS).increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(names::WATCHERS).decrement(1.0);
    }
}
