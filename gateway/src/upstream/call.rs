//! A call to an upstream and what comes back.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::upload::Upload;

/// A call to an upstream, independent of which one.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path and query, as the upstream sees them.
    pub path: String,
    /// The headers, those for the trace and the request id included.
    pub headers: HeaderMap,
    /// What is sent.
    pub payload: Payload,
    /// How the answer's body is wanted.
    pub reply: Reply,
    /// Whether making the call twice is the same as making it once.
    pub idempotent: bool,
    /// Who asks: only calls of the same caller share one flight.
    pub caller: String,
    /// How long the whole may take, where the upstream's own deadline does not fit.
    pub deadline: Option<Duration>,
}

/// The body of a call.
#[derive(Debug)]
pub enum Payload {
    /// All of it, so that it can be sent again.
    Whole(Bytes),
    /// Passed on as the client sends it, once.
    Stream(Upload),
}

/// How an answer's body is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Read to its end, as JSON. An answer of 2xx that isn't JSON is a failure of the upstream.
    Json,
    /// Passed on as it comes.
    Stream,
}

/// What an upstream answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as the call wanted it.
    pub body: AnswerBody,
}

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it.
    Whole(Bytes),
    /// Still coming.
    Stream(Body),
}

impl Call {
    /// Starts a call without a body. GET, HEAD, PUT and DELETE are idempotent (RFC 9110, 9.2.2).
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            idempotent: method.is_idempotent(),
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            payload: Payload::Whole(Bytes::new()),
            reply: Reply::Json,
            caller: String::new(),
            deadline: None,
        }
    }

    /// Makes the same call again, unless its body went with the first.
    #[must_use]
    pub fn again(&self) -> Option<Self> {
        let Payload::Whole(bytes) = &self.payload else { return None };
        Some(Self {
            method: self.method.clone(),
            path: self.path.clone(),
            headers: self.headers.clone(),
            payload: Payload::Whole(bytes.clone()),
            reply: self.reply,
            idempotent: self.idempotent,
            caller: self.caller.clone(),
            deadline: self.deadline,
        })
    }
}

impl Answer {
    /// Returns the body of an answer that was asked for as a whole.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        match &self.body {
            AnswerBody::Whole(bytes) => bytes.clone(),
            AnswerBody::Stream(_) => Bytes::new(),
        }
    }
}
