//! Plays `GET /v1/orders/{id}/changes`.

use std::io;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::gate::{Gate, service};

/// One feed that the gateway listens to. It ends when dropped.
pub(crate) type Feed = mpsc::Sender<io::Result<Bytes>>;

/// A gateway whose orders tells what the test says.
pub(crate) struct Told {
    pub(crate) gate: Gate,
    feeds: mpsc::UnboundedReceiver<Feed>,
}

impl Told {
    pub(crate) async fn start(changes: Value) -> Self {
        let live = if changes.is_null() { json!({}) } else { json!({ "graphql": { "live": changes } }) };
        Self::with(Router::new(), live).await
    }

    /// One whose orders has more routes, and whose gateway is configured with `changes`.
    pub(crate) async fn with(orders: Router, mut changes: Value) -> Self {
        let (sender, feeds) = mpsc::unbounded_channel();
        let changes_of = get(move || {
            let (feed, pieces) = mpsc::channel(8);
            sender.send(feed).expect("the test goes on");
            let pieces =
                stream::unfold(pieces, |mut pieces| async { pieces.recv().await.map(|piece| (piece, pieces)) });
            async { ([("content-type", "text/event-stream")], Body::from_stream(pieces)) }
        });
        changes["upstreams"]["orders"]["url"] =
            service(orders.route("/v1/orders/{id}/changes", changes_of)).await.into();
        Self { gate: Gate::with(changes).await, feeds }
    }

    /// The next feed that the gateway asks for.
    pub(crate) async fn feed(&mut self) -> Feed {
        self.feeds.recv().await.expect("the service goes on")
    }
}

/// Tells that an order stands so.
pub(crate) async fn tell(feed: &Feed, status: &str, version: u64) {
    let order = crate::orders::order(1, status, version);
    let event = format!(": a comment\n\nevent: order\nid: {version}\ndata: {order}\n\n");
    feed.send(Ok(event.into())).await.expect("the gateway listens");
}
