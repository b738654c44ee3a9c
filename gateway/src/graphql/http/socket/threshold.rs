//! The stream of a WebSocket, with a limit on bytes until `connection_init`.

use super::super::LARGEST;
use super::INTRODUCTION;
use axum::extract::FromRequestParts;
use http::Request;
use http::request::Parts;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// The request's stream after the handshake. It is taken from axum, whose WebSocket would buffer whole messages of
/// unknown clients.
pub(crate) struct Stream(Option<OnUpgrade>);

impl<S: Sync> FromRequestParts<S> for Stream {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let stream = parts.extensions.remove::<OnUpgrade>();
        if stream.is_some() {
            // axum still does the handshake, with a stream that never comes.
            parts.extensions.insert(hyper::upgrade::on(Request::new(())));
        }
        Ok(Self(stream))
    }
}

/// A WebSocket whose client is unknown at first.
pub(super) type Socket = WebSocketStream<Threshold>;

impl Stream {
    /// Waits for the end of the handshake; `None` if it fails.
    pub(super) async fn open(self) -> Option<Socket> {
        let stream = self.0?.await.ok()?;
        // Twice the limit, so that too large messages get a reason.
        let config = WebSocketConfig::default().read_buffer_size(INTRODUCTION);
        let config = config.max_message_size(Some(2 * LARGEST)).max_frame_size(Some(2 * LARGEST));
        let stream = Threshold { stream: TokioIo::new(stream), left: Some(2 * INTRODUCTION) };
        Some(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await)
    }
}

/// Counts the bytes received, with frames, and fails when there are too many.
pub(super) struct Threshold {
    stream: TokioIo<Upgraded>,
    /// How many bytes may still come; `None` once the client is known.
    left: Option<usize>,
}

impl Threshold {
    /// Lifts the limit: the client is known.
    pub(super) const fn open(&mut self) {
        self.left = None;
    }

    pub(super) const fn is_exceeded(&self) -> bool {
        matches!(self.left, Some(0))
    }
}

impl AsyncRead for Threshold {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_exceeded() {
            return Poll::Ready(Err(io::Error::other("too much came before connection_init")));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        let came = into.filled().len() - before;
        self.left = self.left.map(|left| left.saturating_sub(came));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Threshold {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
