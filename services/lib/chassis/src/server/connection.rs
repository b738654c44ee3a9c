//! One connection, from its first byte to its last.

use super::body::{Arriving, Leaving};
use super::requests::{Requests, UnderWay};
use super::socket::Socket;
use crate::config::Http;
use crate::http::ConnService;
use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;
use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

/// The largest head of a request, in bytes. It is more than any address that the unit takes, so that the unit itself
/// says what is too long.
const HEAD: usize = 96 * 1024;
/// How many requests an HTTP/2 connection may have under way.
const STREAMS: u32 = 128;
/// How often a silent HTTP/2 peer is asked whether it is there, and how long it may think about it.
const PING: Duration = Duration::from_secs(20);
/// How long a connection that is cut off may take to say so.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What a connection is served with, and how busy it is. Clones are the same connection.
#[derive(Clone)]
pub(super) struct Connection {
    config: Arc<Http>,
    shutdown: CancellationToken,
    requests: Requests,
}

impl Connection {
    pub(super) fn new(config: Arc<Http>, shutdown: CancellationToken) -> Self {
        Self { config, shutdown, requests: Requests::none() }
    }

    /// Serves the connection until either side ends it.
    pub(super) async fn serve(self, socket: Socket, service: ConnService) {
        let mut builder = Builder::new(TokioExecutor::new());
        // The time that a header may take is limited below, together with silence: hyper's own timer does not run
        // before it knows the protocol.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD as u32)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .enable_connect_protocol();
        let requests = HyperService { service, connection: self.clone() };
        let mut served = pin!(builder.serve_connection_with_upgrades(TokioIo::new(socket), requests));
        let clients = &self.config.clients;
        let idle_limit = Duration::from_millis(clients.idle_ms);
        let mut idle = pin!(sleep(idle_limit));
        let mut farewell = pin!(async {
            self.shutdown.cancelled().await;
            sleep(Duration::from_millis(clients.farewell_ms)).await;
        });
        let (mut is_ending, mut is_over) = (false, false);
        loop {
            tokio::select! {
                biased;
                result = served.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(error, "A connection broke off.");
                    }
                    return;
                }
                () = &mut farewell, if !is_ending => {
                    is_ending = true;
                    served.as_mut().graceful_shutdown();
                }
                () = &mut idle => match self.requests.rest(idle_limit) {
                    Some(rest) => idle.as_mut().reset(Instant::now() + rest),
                    None if is_over => return,
                    None => {
                        // HTTP/2 says farewell, and HTTP/1 closes if it is not within a header.
                        served.as_mut().graceful_shutdown();
                        (is_ending, is_over) = (true, true);
                        idle.as_mut().reset(Instant::now() + LAST_WORD);
                    }
                },
            }
        }
    }
}

/// Answers the requests of a connection.
struct HyperService {
    service: ConnService,
    connection: Connection,
}

impl hyper::service::Service<Request<Incoming>> for HyperService {
    type Response = Response<Leaving>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let is_http1 = request.version() < Version::HTTP_2;
        let (parts, body) = request.into_parts();
        let (body, is_whole) = if body.is_end_stream() {
            (Body::empty(), None)
        } else {
            let (body, is_whole) = Arriving::new(body, Arc::clone(&self.connection.config));
            (Body::new(body), Some(is_whole))
        };
        let answer = self.service.clone().call(Request::from_parts(parts, body));
        let Connection { shutdown, requests, .. } = &self.connection;
        Answer { answer, is_whole, is_http1, shutdown: shutdown.clone(), request: Some(requests.begin()) }
    }
}

/// An answer that is being made.
struct Answer {
    answer: BoxFuture<'static, Result<Response, Infallible>>,
    /// Whether the request's body has been read, where it has one.
    is_whole: Option<Arc<AtomicBool>>,
    is_http1: bool,
    /// Cancelled when the unit is to end: then the connection takes no further request.
    shutdown: CancellationToken,
    request: Option<UnderWay>,
}

impl Future for Answer {
    type Output = Result<Response<Leaving>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(mut response) = ready!(self.answer.as_mut().poll(context));
        let Some(request) = self.request.take() else { return Poll::Pending };
        let is_unread = self.is_whole.as_ref().is_some_and(|is_whole| !is_whole.load(Ordering::Acquire));
        let is_last = is_unread || self.shutdown.is_cancelled();
        if self.is_http1 && is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response.map(|inner| Leaving { inner, _request: request })))
    }
}
