//! The baseline for redirects: axum, one route, a 302, and nothing else.

use axum::{Router, http::StatusCode, http::header::LOCATION, routing::get};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Serves until it is killed.
pub(crate) async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let answer = get(|| async { (StatusCode::FOUND, [(LOCATION, "https://example.com/target")]) });
    let router = Router::new().route("/{code}", answer);
    axum::serve(TcpListener::bind(address).await?, router).await?;
    Ok(())
}
