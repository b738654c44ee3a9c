//! Live clicks, as server-sent events.

use super::{State, Unknown, Usual, owned};
use crate::domain::click::CountedClick;
use crate::events::live::LiveClick;
use axum::extract;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use chassis::http::{Failure, Path, Query};
use chassis::jwt::Caller;
use chrono::DateTime;
use contracts::rest::analytics::ClickRow;
use futures::{Stream, StreamExt, future, stream};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use utoipa::IntoParams;
use uuid::Uuid;

/// How long a stream goes on: as long as a token lives. The client comes again with a fresh one.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How often something is sent when nothing happens, so that nobody on the way closes the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Which live clicks are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct LiveQuery {
    /// Whether clicks of bots are told too.
    #[serde(default)]
    include_bots: bool,
}

/// Tells the clicks of one of the caller's links as they happen, for 15 minutes at most.
///
/// Events: `click` with a click as JSON; `missed` with a number, when the listener was too slow.
#[utoipa::path(
    get,
    path = "/v1/links/{code}/clicks/live",
    tag = "clicks",
    params(("code" = String, Path, description = "The link's short code"), LiveQuery),
    responses((status = 200, description = "Clicks as they happen", body = ClickRow, content_type = "text/event-stream"), Usual, Unknown)
)]
pub(super) async fn listen(
    extract::State(state): extract::State<State>,
    caller: Caller,
    Path(code): Path<String>,
    Query(wanted): Query<LiveQuery>,
) -> Result<impl IntoResponse, Failure> {
    let link = owned(&state.database, &caller, &code).await?;
    let clicks = state
        .live
        .listen()
        .await
        .map_err(|error| Failure::unavailable("Live clicks are not available at the moment: try again.", error))?;
    let include_bots = wanted.include_bots;
    let events =
        BroadcastStream::new(clicks).filter_map(move |click| future::ready(tell(click, link, &code, include_bots)));
    let shutdown = state.shutdown.clone();
    let end = async move {
        tokio::select! {
            () = sleep(LONGEST) => {}
            () = shutdown.cancelled_owned() => {}
        }
    };
    // Said at once, so that the listener knows that from now on nothing is missed.
    let hello = stream::iter([Ok(Event::default().comment("listening"))]);
    let events: std::pin::Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>> =
        Box::pin(hello.chain(events).take_until(Box::pin(end)));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn tell(
    click: Result<Arc<LiveClick>, BroadcastStreamRecvError>,
    link: Uuid,
    code: &str,
    include_bots: bool,
) -> Option<Result<Event, Infallible>> {
    match click {
        Ok(live) if live.url_id == link && (include_bots || !live.click.agent.is_bot) => {
            Event::default().event("click").json_data(row(code, &live.click)).ok().map(Ok)
        }
        Ok(_) => None,
        Err(BroadcastStreamRecvError::Lagged(missed)) => {
            Some(Ok(Event::default().event("missed").data(missed.to_string())))
        }
    }
}

fn row(code: &str, click: &CountedClick) -> ClickRow {
    ClickRow {
        code: code.to_owned(),
        clicked_at: DateTime::from_timestamp_millis(click.at_ms).unwrap_or_default(),
        referrer: click.referrer.clone(),
        country: click.country.clone(),
        browser: click.agent.browser.to_string(),
        operating_system: click.agent.operating_system.to_owned(),
        device: click.agent.device.to_owned(),
        language: click.language.clone(),
        bot: click.agent.is_bot,
    }
}
