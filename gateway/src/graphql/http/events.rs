//! GraphQL over server-sent events, as graphql-sse says ("distinct connections mode"): one operation per connection;
//! events `next`, each with a result, and `complete`.
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>

use super::super::plan::Plan;
use super::Graphql;
use super::live::LivePermit;
use super::prepare::RequestError;
use super::response::GraphqlResponse;
use crate::origin::Origin;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chassis::http::RequestId;
use contracts::problem::Code;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use tokio::time::{Interval, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// Executes an operation and sends its results as events.
pub(super) async fn respond(graphql: Arc<Graphql>, plan: Result<Plan, RequestError>, origin: Origin) -> Response {
    let permit = match graphql.live.admit(&origin) {
        Ok(permit) => permit,
        Err(failure) => return failure.into_response(),
    };
    let feed = Feed {
        end: Box::pin(sleep_until(graphql.live.end_of(origin.caller.as_ref()).await)),
        pings: graphql.live.pings(),
        shutdown: graphql.live.shutdown.clone(),
        request_id: origin.request_id.clone(),
        responses: graphql.responses(plan, origin),
        last: false,
        _permit: permit,
    };
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(feed.events())).into_response()
}

struct Feed {
    responses: BoxStream<'static, GraphqlResponse>,
    end: Pin<Box<Sleep>>,
    pings: Interval,
    shutdown: CancellationToken,
    request_id: Option<RequestId>,
    /// Whether the last result was sent.
    last: bool,
    _permit: LivePermit,
}

/// A comment, which keeps a quiet connection open.
const PING: &[u8] = b":\n\n";
/// With a data line, because a browser's `EventSource` ignores events without one.
const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";

impl Feed {
    fn events(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + use<> {
        stream::unfold(Some(self), |feed| async move {
            let mut feed = feed?;
            let complete = || Some((Ok(Bytes::from_static(COMPLETE)), None));
            if feed.last {
                return complete();
            }
            let response = tokio::select! {
                biased;
                // No `complete`, so that the client connects to another gateway.
                () = feed.shutdown.cancelled() => return None,
                () = &mut feed.end => {
                    feed.last = true;
                    feed.expired()
                }
                response = feed.responses.next() => match response {
                    Some(response) => response,
                    None => return complete(),
                },
                _ = feed.pings.tick() => return Some((Ok(Bytes::from_static(PING)), Some(feed))),
            };
            feed.pings.reset();
            Some((Ok(next(&response)), Some(feed)))
        })
    }

    fn expired(&self) -> GraphqlResponse {
        let error = RequestError::new(
            "The access token has expired. Get a new one and send the operation again.",
            Code::InvalidToken,
        );
        GraphqlResponse::refused(error, self.request_id.as_ref())
    }
}

/// Serialized JSON is one line.
fn next(response: &GraphqlResponse) -> Bytes {
    let data = serde_json::to_string(response).unwrap_or_default();
    format!("event: next\ndata: {data}\n\n").into()
}
