//! GraphQL over a WebSocket, by the protocol `graphql-transport-ws`:
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>

mod message;
mod threshold;

use super::live::{Live, LivePermit};
use super::parameters::Parameters;
use super::prepare::RequestError;
use super::response::GraphqlResponse;
use super::{Graphql, LARGEST};
use crate::limits::Limited;
use crate::origin::Origin;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use chassis::jwt::Caller;
use contracts::problem::Code;
use futures::stream::{self, BoxStream};
use futures::{SinkExt, StreamExt};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use message::{Close, Incoming, Outgoing};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use threshold::Socket;
pub(crate) use threshold::Stream;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::StreamMap;
use tokio_tungstenite::tungstenite::Message;
use tracing::Instrument;

const PROTOCOL: &str = "graphql-transport-ws";
/// How many bytes a client may send up to `connection_init`.
const INTRODUCTION: usize = 16 * 1024;
const TOO_MUCH: Close = Close::new(1009, "Too many bytes before connection_init");
/// The timeout of sending a message. A client that does not read is dropped.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the socket. A token in the first message replaces one in the request's header.
pub(super) fn open(upgrade: WebSocketUpgrade, stream: Stream, graphql: Arc<Graphql>, origin: Origin) -> Response {
    let span = tracing::Span::current();
    let upgrade = upgrade.protocols([PROTOCOL]);
    let is_spoken = upgrade.selected_protocol().is_some();
    tokio::spawn(async move {
        let Some(socket) = stream.open().await else { return };
        let request_id = origin.request_id.clone();
        let deadline = Instant::now() + Duration::from_millis(graphql.live.config.init_ms);
        let connection = Connection { graphql, origin, permit: None, heard: 0, deadline, operations: StreamMap::new() };
        let tasks = connection.graphql.live.tasks.clone();
        let work = tasks.track_future(connection.run(socket, is_spoken).instrument(span));
        match request_id {
            Some(id) => id.scope(work).await,
            None => work.await,
        }
    });
    upgrade.on_upgrade(|_| async {})
}

struct Connection {
    graphql: Arc<Graphql>,
    /// The client. Its user is known once the connection has a permit.
    origin: Origin,
    /// Taken with `connection_init`.
    permit: Option<LivePermit>,
    /// Bytes received before that.
    heard: usize,
    /// When the connection ends: first the time for `connection_init`, then the expiry of the token.
    deadline: Instant,
    /// The results of each operation, and `None` when it is complete.
    operations: StreamMap<String, BoxStream<'static, Option<GraphqlResponse>>>,
}

impl Connection {
    async fn run(mut self, mut socket: Socket, is_spoken: bool) {
        let close = if is_spoken {
            self.converse(&mut socket).await
        } else {
            Err(Close::new(4406, "Subprotocol not acceptable"))
        };
        if let Err(close) = close {
            let _ = timeout(PATIENCE, socket.send(close.into())).await;
            // A client that is still sending must get the reason before the reset.
            let _ = timeout(PATIENCE, socket.get_mut().shutdown()).await;
        }
    }

    /// Serves the connection until the client leaves, or has to leave.
    async fn converse(&mut self, socket: &mut Socket) -> Result<(), Close> {
        let mut pings = self.graphql.live.pings();
        let shutdown = self.graphql.live.shutdown.clone();
        let mut heard = true;
        loop {
            let message = tokio::select! {
                () = shutdown.cancelled() => return Err(Close::new(1001, "Going away")),
                () = sleep_until(self.deadline) => return Err(self.too_late()),
                _ = pings.tick() => {
                    if !std::mem::take(&mut heard) {
                        return Ok(());
                    }
                    Some(Message::Ping(Default::default()))
                }
                received = socket.next() => {
                    let message = match received {
                        Some(Ok(message)) => message,
                        Some(Err(_)) if socket.get_ref().is_exceeded() => return Err(TOO_MUCH),
                        _ => return Ok(()),
                    };
                    heard = true;
                    let answer = self.receive(message).await?;
                    if self.permit.is_some() {
                        socket.get_mut().open();
                    }
                    answer
                }
                Some((id, response)) = self.operations.next() => Some(self.tell(&id, response)),
            };
            if let Some(message) = message
                && !matches!(timeout(PATIENCE, socket.send(message)).await, Ok(Ok(())))
            {
                return Ok(());
            }
        }
    }

    fn too_late(&self) -> Close {
        match self.permit {
            // Clients reconnect after this code, with another token.
            Some(_) => Close::new(4403, "The access token has expired"),
            None => Close::new(4408, "Connection initialisation timeout"),
        }
    }

    /// Handles a message. Returns what is sent at once.
    async fn receive(&mut self, message: Message) -> Result<Option<Message>, Close> {
        if self.permit.is_none() {
            self.heard += length(&message);
            if self.heard > INTRODUCTION {
                return Err(TOO_MUCH);
            }
        }
        let text = match message {
            Message::Text(text) if text.len() > LARGEST => return Err(Close::new(1009, "The message is too large")),
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Close::new(4400, "Send text messages")),
            // The library answers pings. After a close nothing is received.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => return Ok(None),
        };
        let message = serde_json::from_str(&text).map_err(|_| Close::new(4400, "Invalid message"))?;
        match message {
            Incoming::ConnectionInit { payload } => {
                self.initialise(authorization(&payload.unwrap_or_default())?).await?;
                Ok(Some(Outgoing::ConnectionAck.into()))
            }
            Incoming::Subscribe { id, payload } => self.subscribe(id, payload).await,
            Incoming::Complete { id } => {
                self.operations.remove(&id);
                Ok(None)
            }
            Incoming::Ping { payload } => Ok(Some(Outgoing::Pong { payload }.into())),
            Incoming::Pong { .. } => Ok(None),
        }
    }

    async fn initialise(&mut self, authorization: Option<&Value>) -> Result<(), Close> {
        if self.permit.is_some() {
            return Err(Close::new(4429, "Too many initialisation requests"));
        }
        let live = &self.graphql.live;
        if let Some(value) = authorization {
            let value = value.as_str().and_then(|text| HeaderValue::try_from(text).ok());
            let value = value.ok_or_else(|| forbidden(Code::InvalidToken))?;
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            let caller = Caller::from_headers(&live.verifier, &headers).await;
            let caller = caller.map_err(|failure| match failure.code() {
                Code::Unavailable => Close::new(1013, "Tokens cannot be verified at the moment"),
                code => forbidden(code),
            })?;
            self.origin = Origin::new(caller, self.origin.address);
        }
        let caller = self.origin.caller.as_ref().ok_or_else(|| forbidden(Code::Unauthenticated))?;
        let full = || Close::new(1013, "One user has too many connections open");
        self.permit = Some(live.sockets.take(self.origin.key()).ok_or_else(full)?);
        self.deadline = live.end_of(Some(caller)).await;
        Ok(())
    }

    async fn subscribe(&mut self, id: String, parameters: Parameters) -> Result<Option<Message>, Close> {
        if self.permit.is_none() {
            return Err(Close::new(4401, "Unauthorized"));
        }
        if self.operations.contains_key(&id) {
            return Err(Close::new(4409, "Subscriber for this id already exists"));
        }
        // A new `Origin`, because an idempotency key in the request's header is not for all operations.
        let origin = Origin::new(self.origin.caller.clone(), self.origin.address);
        let permit = match admit(&self.graphql.live, &origin).await {
            Ok(permit) => permit,
            Err(error) => {
                let response = GraphqlResponse::refused(error, origin.request_id.as_ref());
                return Ok(Some(Outgoing::of(&id, &response).into()));
            }
        };
        let (plan, sent) = self.graphql.plan(parameters).await;
        if let Some(sent) = sent {
            self.graphql.persisted.keep(sent, &origin).await;
        }
        let steps = self.graphql.responses(plan, origin).map(Some);
        let steps = steps.chain(stream::once(std::future::ready(None)));
        // The permit lives as long as the stream.
        let steps = steps.map(move |step| {
            let _held = &permit;
            step
        });
        self.operations.insert(id, steps.boxed());
        Ok(None)
    }

    fn tell(&mut self, id: &str, response: Option<GraphqlResponse>) -> Message {
        match response {
            Some(response) => {
                if response.request_errors().is_some() {
                    self.operations.remove(id);
                }
                Outgoing::of(id, &response).into()
            }
            None => {
                self.operations.remove(id);
                Outgoing::Complete { id }.into()
            }
        }
    }
}

/// Finds the token in the first message. Its name may be in upper or lower case.
fn authorization(payload: &Map<String, Value>) -> Result<Option<&Value>, Close> {
    let mut found = payload.iter().filter(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION.as_str()));
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(forbidden(Code::InvalidToken)),
        (first, None) => Ok(first.map(|(_, value)| value)),
    }
}

fn length(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) | Message::Frame(_) => 0,
    }
}

/// Counts an operation against the rate limits, and takes a permit.
async fn admit(live: &Live, origin: &Origin) -> Result<LivePermit, RequestError> {
    live.count(origin).await.map_err(Limited::into_failure)?;
    Ok(live.admit(origin)?)
}

/// Refuses an unknown client. Clients reconnect after this code, with another token.
fn forbidden(code: Code) -> Close {
    Close::new(4403, code.as_str())
}
