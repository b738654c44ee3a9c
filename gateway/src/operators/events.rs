//! `/breakers/events`: transitions as they happen (`text/event-stream`).

use super::Operators;
use super::breakers::{BreakerView, TransitionView};
use axum::Router;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::get;
use breaker::Subscription;
use chassis::http::Failure;
use chassis::http::documented::{BadQuery, OperatorsOnly, Usual};
use chassis::jwt::Operator;
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue};
use std::convert::Infallible;
use std::time::Duration;

pub(super) fn routes() -> Router<Operators> {
    Router::new().route("/breakers/events", get(watch))
}

/// Streams the state of all breakers (event `snapshot`), then each transition (event `transition`, with its number as
/// id). With `Last-Event-ID`, later transitions are sent again as far as they are kept; the snapshot covers the rest.
#[utoipa::path(get, path = "/breakers/events", tag = "breakers", security(("bearer" = [])),
    params(("Last-Event-ID" = Option<u64>, Header, description = "The number of the last transition that was seen.")),
    responses((status = 200, content_type = "text/event-stream", description = "A `snapshot`, then each `transition`."),
        Usual, OperatorsOnly, BadQuery))]
pub(crate) async fn watch(
    _: Operator,
    State(operators): State<Operators>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let journal = operators.breakers.journal();
    let last = headers.get("last-event-id").map(number).transpose()?;
    let subscription = journal.subscribe(last.unwrap_or_else(|| journal.latest()));
    let standing: Vec<_> = operators.breakers.all().iter().map(BreakerView::of).collect();
    let first = stream::iter([event("snapshot", None, &serde_json::json!({ "breakers": standing }))]);
    let moves = stream::unfold(subscription, next_move);
    let end = operators.shutdown.cancelled_owned();
    let events = first.chain(moves).take_until(Box::pin(end)).map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// Reads the number of a transition. Other texts are refused, because their client would miss transitions unnoticed.
fn number(id: &HeaderValue) -> Result<u64, Failure> {
    let number = id.to_str().ok().and_then(|id| id.parse().ok());
    number.ok_or_else(|| Failure::field("Last-Event-ID", "must be the id of an event of this stream"))
}

async fn next_move(mut subscription: Subscription) -> Option<(Event, Subscription)> {
    let transition = subscription.next().await;
    let view = TransitionView::of(&transition);
    Some((event("transition", Some(transition.number), &view), subscription))
}

fn event(name: &str, id: Option<u64>, data: &impl serde::Serialize) -> Event {
    let event = Event::default().event(name);
    let event = match id {
        Some(id) => event.id(id.to_string()),
        None => event,
    };
    let data = serde_json::to_string(data).unwrap_or_default();
    event.data(data)
}
