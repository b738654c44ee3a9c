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

use crate::http::Acceptor;
use connection::Connection;
use places::Places;
use refusal::Refusals;
use socket::Socket;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a client may cost, at one listener.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How many connections may be open.
    pub connections: usize,
    /// How many of them one address may have; the trusted proxies have no limit of their own.
    pub per_address: usize,
    /// The proxies, who speak for many.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long a connection may be without a request: silent, idle, or with half of a header.
    pub idle: Duration,
    /// How long a body may take to come, whatever its size.
    pub body: Duration,
    /// How many bytes a second of a body earn it more time.
    pub body_rate: u64,
    /// How long a client may take nothing of its answer.
    pub stalled: Duration,
    /// How long a connection is still served after the unit was told to end, while it has no request.
    pub farewell: Duration,
}

impl From<&crate::config::Http> for Patience {
    fn from(http: &crate::config::Http) -> Self {
        let clients = &http.clients;
        Self {
            connections: clients.connections,
            per_address: clients.connections_per_address,
            trusted_proxies: http.trusted_proxies.clone(),
            idle: Duration::from_millis(clients.idle_ms),
            body: Duration::from_millis(clients.body_ms),
            body_rate: clients.body_bytes_per_second,
            stalled: Duration::from_millis(clients.stalled_ms),
            farewell: Duration::from_millis(clients.farewell_ms),
        }
    }
}

/// Serves a acceptor until `shutdown` is cancelled, and then until the last connection is closed.
///
/// At the end no request is lost. For [`Patience::farewell`] everything is served, also what comes on new connections,
/// and each answer says `Connection: close`. Then the listener is closed, and connections as they become idle.
pub async fn serve(listener: TcpListener, acceptor: Acceptor, patience: Patience, shutdown: CancellationToken) {
    let places = Places::new(&patience);
    let server = Server { places, refusals: Refusals::default(), patience: patience.into(), acceptor, shutdown };
    let connections = TaskTracker::new();
    let last = async {
        server.shutdown.cancelled().await;
        if !connections.is_empty() {
            tokio::time::sleep(server.patience.farewell).await;
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
    patience: Arc<Patience>,
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
        let socket = Socket::new(stream, self.patience.stalled, place);
        let connection = Connection::new(Arc::clone(&self.patience), self.shutdown.clone());
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
