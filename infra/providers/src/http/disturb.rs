//! Faults around a request.

use crate::faults::{Faults, Kind, Operation};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use chassis::http::Failure;
use contracts::problem::Code;
use std::io;

/// Does `work`, with the faults that strike before and after it.
pub(super) async fn disturb<T: IntoResponse>(
    faults: &Faults,
    operation: Operation,
    work: impl Future<Output = Result<T, Failure>>,
) -> Response {
    if let Some(fault) = faults.strike(Kind::Latency, Some(operation)) {
        tokio::time::sleep(fault.latency()).await;
    }
    if faults.strike(Kind::Hang, Some(operation)).is_some() {
        return std::future::pending().await;
    }
    if faults.strike(Kind::Error5xx, Some(operation)).is_some() {
        return Failure::new(Code::Unavailable, "Switched on to fail.").into_response();
    }
    let answer = work.await.into_response();
    if faults.strike(Kind::AnswerLost, Some(operation)).is_some() { lost() } else { answer }
}

/// An answer of which no byte arrives: its body fails before its head is flushed, and the server closes the connection.
fn lost() -> Response {
    let broken = async { Err::<String, _>(io::Error::other("the answer is to be lost")) };
    Response::new(Body::from_stream(futures::stream::once(broken)))
}
