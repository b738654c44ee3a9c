//! Hands a request to an engine and its answer back, both as they come.

use super::engines::Engines;
use crate::failure::Failure;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub(super) async fn forward(
    engines: &Engines,
    database: &str,
    folder: &Path,
    mut request: Request,
) -> Result<Response, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(database, %error, "An engine does not answer.");
        Failure::internal(format!("The engine of {database} does not answer"))
    };
    let connected = engines.connect(database, folder).await;
    let (stream, lease) = connected.map_err(|error| failed(&format_args!("{error:#}")))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    tokio::spawn(connection);
    let headers = request.headers_mut();
    for name in [AUTHORIZATION, CONNECTION, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers.remove("x-clickhouse-user");
    headers.remove("x-clickhouse-key");
    headers.insert(HOST, HeaderValue::from_static("engine"));
    let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(TRANSFER_ENCODING);
    Ok(Response::from_parts(parts, Body::new(Leased { body: Body::new(body), _lease: lease })))
}

/// A body that keeps its engine from being stopped as idle.
struct Leased {
    body: Body,
    _lease: Arc<()>,
}

impl HttpBody for Leased {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }
}
