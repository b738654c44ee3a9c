//! The HTTP server under every address of every unit. Slow and greedy clients cost themselves: whoever is silent, sends
//! or takes too slowly, or holds too many connections is cut off.
//!
//! `axum::serve` sets no timer and counts nothing, so it does not fit what strangers reach.

mod body;
mod connection;
mod places;
mod refusal;
mod requests;
mod socket;

use crate::config::Http;
use crate::http::Acceptor;
use connection::Connection;
use places::Places;
use refusal::Refusals;
use socket::Socket;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Serves an acceptor until `shutdown` is cancelled, and then until the last connection is closed. What a client may
/// cost stands in `config`.
///
/// At the end no request is lost. For [`farewell_ms`](crate::config::Clients::farewell_ms) everything is served, also what comes on new connections,
/// and each answer says `Connection: close`. Then the listener is closed, and connections as they become idle.
pub async fn serve(listener: TcpListener, acceptor: Acceptor, config: Http, shutdown: CancellationToken) {
    let places = Places::new(&config);
    let server = Server { places, refusals: Refusals::default(), config: config.into(), acceptor, shutdown };
    let connections = TaskTracker::new();
    let last = async {
        server.shutdown.cancelled().await;
        if !connections.is_empty() {
            tokio::time::sleep(Duration::from_millis(server.config.clients.farewell_ms)).await;
        }
    };
    tokio::pin!(last);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => server.welcome(stream, peer, &connections),
                Err(error) => pause(&error).await,
            },
            () = &mut last => break,
        }
    }
    // Who connected a moment ago would be reset with the listener.
    if let Ok(listener) = listener.into_std() {
        while let Ok((stream, peer)) = listener.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            let Ok(stream) = stream else { continue };
            server.welcome(stream, peer, &connections);
        }
    }
    connections.close();
    connections.wait().await;
}

/// What every connection is served with.
struct Server {
    acceptor: Acceptor,
    config: Arc<Http>,
    places: Places,
    refusals: Refusals,
    shutdown: CancellationToken,
}

impl Server {
    fn welcome(&self, stream: TcpStream, peer: SocketAddr, connections: &TaskTracker) {
        let Some(place) = self.places.take(peer.ip()) else { return self.refusals.refuse(stream, connections) };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "TCP_NODELAY could not be set.");
        }
        let socket = Socket::new(stream, Duration::from_millis(self.config.clients.stalled_ms), place);
        let connection = Connection::new(Arc::clone(&self.config), self.shutdown.clone());
        connections.spawn(connection.serve(socket, self.acceptor.facing(peer)));
    }
}

/// Waits where no connection can be accepted at all, for example because there is no descriptor left.
async fn pause(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(error = %error, "No connection can be accepted.");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
