//! Calls to upstreams, and their responses.

use super::error::UpstreamError;
use super::upload::Upload;
use axum::body::Body;
use bytes::Bytes;
use contracts::problem::{Code, MEDIA_TYPE, Problem};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The class of a call. Each class of an upstream has its own breaker state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Read,
    Write,
    /// It redirects a visitor of a short link.
    Redirect,
}

impl Class {
    /// The names, by [`index`](Self::index).
    pub const NAMES: &'static [&'static str] = &["read", "write", "redirect"];

    /// Returns the index of the class in a breaker.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the class of a request: a POST to one of [`LOOK_UPS`] only reads.
    pub fn of(method: &Method, path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let is_look_up = *method == Method::POST && LOOK_UPS.contains(&path);
        if method.is_safe() || is_look_up { Self::Read } else { Self::Write }
    }
}

/// The POSTs that only read. They name more things than an address could.
const LOOK_UPS: [&str; 8] = [
    "/v1/customers/batch",
    "/v1/links/batch",
    "/v1/links/sales/batch",
    "/v1/orders/batch",
    "/v1/orders/events/batch",
    "/v1/payments/batch",
    "/v1/products/batch",
    "/v1/stats/batch",
];

/// A call to any upstream. A clone is the same call, to be made again.
#[derive(Debug, Clone)]
pub struct Call {
    pub class: Class,
    pub method: Method,
    /// Path and query, as the upstream sees them.
    pub path: String,
    /// The headers, with trace context and request id.
    pub headers: HeaderMap,
    pub payload: Payload,
    /// How the answer's body is wanted.
    pub reply: Reply,
    /// Parses the body of a success. A body that it cannot parse is returned as bytes.
    pub parser: Option<BodyParser>,
    /// Whether the call may be made twice.
    pub idempotent: bool,
    /// Who asks. Only calls of one caller share a flight. The breaker counts late and broken calls for each caller.
    pub caller: Arc<str>,
    /// The deadline of the call, if it is not the upstream's.
    pub patience: Option<Duration>,
    /// When the deadline ends. Set by the layer of deadlines.
    pub until: Option<Instant>,
}

/// A parsed body, which callers of one flight share.
pub type ParsedBody = Arc<dyn Any + Send + Sync>;

/// Parses JSON as the type that a caller wants.
pub type BodyParser = fn(&[u8]) -> serde_json::Result<ParsedBody>;

pub fn parse_as<T: DeserializeOwned + Send + Sync + 'static>(bytes: &[u8]) -> serde_json::Result<ParsedBody> {
    serde_json::from_slice::<T>(bytes).map(|body| Arc::new(body) as ParsedBody)
}

#[derive(Debug, Clone)]
pub enum Payload {
    /// All of it, so that it can be sent again.
    Whole(Bytes),
    /// Streamed as the client sends it, once.
    Stream(Upload),
}

/// How the caller wants the body of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Read to its end, as JSON. A 2xx response that is not JSON is a failure of the upstream.
    Json,
    Stream,
}

pub type CallResult = Result<UpstreamResponse, UpstreamError>;

#[derive(Debug)]
pub struct UpstreamResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: UpstreamBody,
}

#[derive(Debug)]
pub enum UpstreamBody {
    Whole(Bytes),
    /// Parsed by the call's [`BodyParser`].
    Parsed(ParsedBody),
    Stream(Body),
}

impl Call {
    /// Starts a call without a body. GET, HEAD, PUT and DELETE are idempotent (RFC 9110, 9.2.2).
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            class: Class::of(&method, &path),
            idempotent: method.is_idempotent(),
            method,
            path,
            headers: HeaderMap::new(),
            payload: Payload::Whole(Bytes::new()),
            reply: Reply::Json,
            parser: None,
            caller: Arc::default(),
            patience: None,
            until: None,
        }
    }
}

impl Call {
    /// Returns the time until the deadline.
    pub fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()))
    }
}

impl Payload {
    /// Whether none of it was sent yet.
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Stream(upload) => upload.is_unsent(),
        }
    }
}

/// Bodies that are passed on are never parsed.
impl From<UpstreamBody> for Body {
    fn from(body: UpstreamBody) -> Self {
        match body {
            UpstreamBody::Whole(bytes) => bytes.into(),
            UpstreamBody::Parsed(_) => Self::empty(),
            UpstreamBody::Stream(body) => body,
        }
    }
}

impl UpstreamResponse {
    /// Whether the service sheds load: its problem has the code `overloaded`.
    pub fn sheds(&self) -> bool {
        self.is_a(MEDIA_TYPE)
            && serde_json::from_slice::<Problem>(&self.bytes()).is_ok_and(|problem| problem.code == Code::Overloaded)
    }

    /// Whether the body is a stream of events, which breaks when the service stops.
    pub fn is_live(&self) -> bool {
        self.is_a("text/event-stream")
    }

    fn is_a(&self, media: &str) -> bool {
        let told = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        told.is_some_and(|told| told.starts_with(media))
    }

    /// Returns the bytes of a whole body that was not parsed.
    pub fn bytes(&self) -> Bytes {
        match &self.body {
            UpstreamBody::Whole(bytes) => bytes.clone(),
            UpstreamBody::Parsed(_) | UpstreamBody::Stream(_) => Bytes::new(),
        }
    }
}
