//! GraphQL over server-sent events, as graphql-sse says ("distinct connections mode"): one operation per connection;
//! events `next`, each with a result, and `complete`.
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chassis::http::RequestId;
use contracts::problem::Code;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use tokio::time::{Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Graphql;
use super::answer::Answer;
use super::live::Place;
use super::prepare::{Attempt, Refusal};
use crate::origin::Origin;

/// Executes an operation, and tells its results as they come.
pub(super) async fn respond(graphql: Graphql, prepared: Attempt, origin: Origin) -> Response {
    let place = match graphql.live.admit(&origin) {
        Ok(place) => place,
        Err(failure) => return failure.into_response(),
    };
    let feed = Feed {
        end: Box::pin(sleep_until(graphql.live.end_of(origin.caller.as_ref()).await)),
        shutdown: graphql.live.shutdown.clone(),
        request_id: origin.request_id.clone(),
        answers: graphql.answers(prepared, origin),
        last: false,
        _place: place,
    };
    let ping = KeepAlive::new().interval(Duration::from_millis(graphql.live.config.ping_ms));
    let mut response = Sse::new(feed.events()).keep_alive(ping).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

struct Feed {
    answers: BoxStream<'static, Answer>,
    end: Pin<Box<Sleep>>,
    shutdown: CancellationToken,
    request_id: Option<RequestId>,
    /// Whether the last result has been told.
    last: bool,
    _place: Place,
}

impl Feed {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> + Send + use<> {
        stream::unfold(Some(self), |feed| async move {
            let mut feed = feed?;
            let complete = || Some((Ok(Event::default().event("complete").data("")), None));
            if feed.last {
                return complete();
            }
            let answer = tokio::select! {
                biased;
                // Without a `complete`: the client may begin again, with another gateway.
                () = feed.shutdown.cancelled() => return None,
                () = &mut feed.end => {
                    feed.last = true;
                    feed.expired()
                }
                answer = feed.answers.next() => match answer {
                    Some(answer) => answer,
                    None => return complete(),
                },
            };
            Some((Ok(next(&answer)), Some(feed)))
        })
    }

    fn expired(&self) -> Answer {
        let refusal = Refusal::new("The access token has expired.", Code::InvalidToken);
        Answer::refusal(refusal, self.request_id.as_ref())
    }
}

fn next(answer: &Answer) -> Event {
    let data = serde_json::to_string(answer).unwrap_or_default();
    Event::default().event("next").data(data)
}
