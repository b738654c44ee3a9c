//! Connections to upstreams that read a response even when writing fails.

use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tower::Service;

const CONNECT: Duration = Duration::from_secs(1);
/// Makes connections, with TLS for `https`.
pub type Connector = HttpsConnector<Tcp>;

/// Creates a connector: HTTP/1.1, no proxies.
///
/// # Panics
/// Panics when the machine's certificates cannot be read.
pub fn connector() -> Connector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(rustls::crypto::ring::default_provider())
        .expect("the machine has certificates")
        .https_or_http()
        .enable_http1();
    tls.wrap_connector(Tcp(tcp))
}

#[derive(Clone)]
pub struct Tcp(HttpConnector);

impl Service<Uri> for Tcp {
    type Response = Wire;
    type Error = axum::BoxError;
    type Future = BoxFuture<'static, Result<Wire, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move { Ok(Wire(connecting.await?)) })
    }
}

/// A connection whose failed writes look successful. A service may respond (401, 413) and hang up before it has read
/// the whole body. hyper gives up at the first failed write and would not read that response. Without a response, the
/// next read fails.
pub struct Wire(TokioIo<TcpStream>);

impl Wire {
    fn forgive(outcome: io::Result<usize>, length: usize) -> io::Result<usize> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        outcome
            .or_else(|error| if matches!(error.kind(), BrokenPipe | ConnectionReset) { Ok(length) } else { Err(error) })
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        self.0.connected()
    }
}

impl Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.0).poll_write(context, bytes));
        Poll::Ready(Self::forgive(outcome, bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.0).poll_write_vectored(context, pieces));
        Poll::Ready(Self::forgive(outcome, pieces.iter().map(|piece| piece.len()).sum()))
    }
}
