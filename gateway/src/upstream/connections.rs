//! Connections to one upstream, each driven by the call that uses it.
//!
//! A call waits only for its connection, so the connection needs no task of its own. ADR 26 has the reasons.

use super::connect::{Connector, Wire};
use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use chassis::client::KEPT;
use http::{Request, Response, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_rustls::MaybeHttpsStream;
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use tokio::time::{Instant, sleep_until};
use tower::ServiceExt;

/// Connections to one upstream. Clones share them.
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

struct Inner {
    connector: Connector,
    to: Uri,
    idle: Mutex<Idle>,
}

/// Idle connections, the most recently used at the end.
#[derive(Default)]
struct Idle {
    connections: Vec<(Instant, Driven)>,
    is_swept: bool,
}

#[derive(Debug)]
pub enum SendError {
    /// There is no connection; nothing was sent.
    Unconnected(BoxError),
    /// The connection broke before there was an answer.
    Broken(hyper::Error),
}

impl Connections {
    /// Prepares connections to the scheme and authority of `to`.
    pub fn new(connector: Connector, to: Uri) -> Self {
        Self(Arc::new(Inner { connector, to, idle: Mutex::default() }))
    }

    /// Sends a request and waits for the head of its response. A used connection that was closed before anything was
    /// sent is replaced.
    pub async fn send(&self, mut request: Request<Body>) -> Result<Response<DrivenBody>, SendError> {
        loop {
            let used = self.0.idle.lock().take();
            let is_used = used.is_some();
            let mut driven = match used {
                Some(driven) => driven,
                None => self.connect().await?,
            };
            let mut answer = std::pin::pin!(driven.sender.try_send_request(request));
            match std::future::poll_fn(|context| driven.drive(context, |context| answer.as_mut().poll(context))).await {
                Ok(answer) => return Ok(answer.map(|body| DrivenBody { body, last: Some((driven, self.clone())) })),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if is_used => request = unsent,
                    _ => return Err(SendError::Broken(error.into_error())),
                },
            }
        }
    }

    async fn connect(&self) -> Result<Driven, SendError> {
        let stream = self.0.connector.clone().oneshot(self.0.to.clone()).await.map_err(SendError::Unconnected)?;
        let (sender, connection) = handshake(stream).await.map_err(SendError::Broken)?;
        Ok(Driven { sender, connection: Some(Box::pin(connection)) })
    }

    /// Keeps a connection for the next call, if there can be one.
    fn keep(&self, mut driven: Driven) {
        if !driven.is_free() {
            return;
        }
        let mut idle = self.0.idle.lock();
        idle.connections.push((Instant::now(), driven));
        if !std::mem::replace(&mut idle.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.0)));
        }
    }
}

impl Idle {
    /// Takes the most recently used connection that is still open.
    fn take(&mut self) -> Option<Driven> {
        while let Some((since, mut driven)) = self.connections.pop() {
            if since.elapsed() < KEPT && driven.is_free() {
                return Some(driven);
            }
        }
        None
    }
}

/// Closes idle connections after [`KEPT`], until none is left.
async fn sweep(connections: Weak<Inner>) {
    loop {
        let oldest = {
            let Some(connections) = connections.upgrade() else { return };
            let mut idle = connections.idle.lock();
            idle.connections.retain(|(since, _)| since.elapsed() < KEPT);
            let Some(&(oldest, _)) = idle.connections.first() else {
                idle.is_swept = false;
                return;
            };
            oldest
        };
        sleep_until(oldest + KEPT).await;
    }
}

/// A connection that makes progress only while it is driven.
struct Driven {
    sender: SendRequest<Body>,
    /// `None` once it is closed.
    connection: Option<Pin<Box<Open>>>,
}

type Open = Connection<MaybeHttpsStream<Wire>, Body>;

impl Driven {
    /// Drives the connection as far as possible, then polls `look`, which depends on the connection alone.
    fn drive<T>(&mut self, context: &mut Context<'_>, mut look: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        // `look` returns the reason.
        if self.connection.as_mut().is_some_and(|connection| connection.as_mut().poll(context).is_ready()) {
            self.connection = None;
        }
        look(&mut Context::from_waker(Waker::noop()))
    }

    /// Whether another request can be sent: it is open, and the last exchange has ended in both directions.
    fn is_free(&mut self) -> bool {
        let _: Poll<()> = self.drive(&mut Context::from_waker(Waker::noop()), |_| Poll::Pending);
        self.connection.is_some() && self.sender.is_ready()
    }
}

/// The body of a response. Its connection is reused if the body is read to its end, and else closed.
pub struct DrivenBody {
    body: Incoming,
    last: Option<(Driven, Connections)>,
}

impl HttpBody for DrivenBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, last } = &mut *self;
        let Some((driven, _)) = last else { return Poll::Ready(None) };
        let frame = std::task::ready!(driven.drive(context, |context| Pin::new(&mut *body).poll_frame(context)));
        if frame.is_none() {
            self.end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl DrivenBody {
    fn end(&mut self) {
        if let Some((driven, connections)) = self.last.take() {
            connections.keep(driven);
        }
    }
}

impl Drop for DrivenBody {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::connect;
    use http_body_util::BodyExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    async fn upstream() -> (Connections, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let to = format!("http://{}", listener.local_addr().expect("an address"));
        (Connections::new(connect::connector(), to.parse().expect("a URI")), listener)
    }

    async fn ask(connections: &Connections) -> Bytes {
        let answer = connections.send(Request::new(Body::from("question"))).await.expect("an answer");
        answer.into_body().collect().await.expect("a body").to_bytes()
    }

    /// Accepts a connection, and answers one call over it.
    async fn serve(listener: &TcpListener, with: &[u8]) -> TcpStream {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        answer(&mut stream, with).await;
        stream
    }

    async fn answer(stream: &mut TcpStream, with: &[u8]) {
        let mut request = Vec::new();
        while !request.ends_with(b"question") {
            assert_ne!(stream.read_buf(&mut request).await.expect("a request"), 0);
        }
        stream.write_all(with).await.expect("an answer");
    }

    #[tokio::test]
    async fn an_answer_that_was_read_leaves_its_connection_to_the_next_call() {
        let (connections, listener) = upstream().await;
        let both = async {
            let mut stream = serve(&listener, ANSWER).await;
            answer(&mut stream, ANSWER).await;
        };
        let asked = async { (ask(&connections).await, ask(&connections).await) };
        assert_eq!(tokio::join!(both, asked).1, (Bytes::from("ok"), Bytes::from("ok")));
    }

    #[tokio::test]
    async fn a_connection_that_is_closed_or_was_not_read_to_the_end_is_replaced() {
        let (connections, listener) = upstream().await;
        for ending in [&b"HTTP/1.1 200 OK\r\n\r\nok"[..], b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"] {
            let head = connections.send(Request::new(Body::from("question")));
            let (stream, head) = tokio::join!(serve(&listener, ending), head);
            drop((stream, head));
        }
        assert_eq!(tokio::join!(serve(&listener, ANSWER), ask(&connections)).1, "ok");
    }

    #[tokio::test]
    async fn a_request_meets_no_connection_that_was_closed_while_nobody_used_it() {
        let (connections, listener) = upstream().await;
        for _ in 0..2 {
            let (mut stream, asked) = tokio::join!(serve(&listener, ANSWER), ask(&connections));
            assert_eq!(asked, "ok");
            stream.shutdown().await.expect("an end");
            let is_free = || connections.0.idle.lock().connections.iter_mut().any(|(_, driven)| driven.is_free());
            while is_free() {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn connections_that_nobody_uses_are_closed() {
        let (connections, listener) = upstream().await;
        let (mut stream, _) = tokio::join!(serve(&listener, ANSWER), ask(&connections));
        tokio::time::pause();
        assert_eq!(stream.read(&mut [0]).await.expect("an end"), 0, "it was closed");
        assert!(!connections.0.idle.lock().is_swept, "nothing is looked after any more");
    }
}
