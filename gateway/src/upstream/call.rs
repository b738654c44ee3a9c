//! A call to an upstream and what comes back.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use contracts::problem::{Code, MEDIA_TYPE, Problem};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::error::UpstreamError;
use super::upload::Upload;

/// What a call is for. Each class of an upstream has a breaker of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Read,
    /// It may change something.
    Write,
    /// It leads a visitor to where a short link leads.
    Redirect,
}

impl Class {
    /// The names, each at the class's place.
    pub const NAMES: &'static [&'static str] = &["read", "write", "redirect"];

    /// Returns the place of the class in a breaker.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Judges a request by its method; a POST reads where its path says so.
    pub fn of(method: &Method, path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let is_look_up = *method == Method::POST && LOOK_UPS.contains(&path);
        if method.is_safe() || is_look_up { Self::Read } else { Self::Write }
    }
}

/// The POSTs that read: they ask about more things than an address can name.
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

/// A call to an upstream, independent of which one. A copy is the same call, to be made again.
#[derive(Debug, Clone)]
pub struct Call {
    pub class: Class,
    pub method: Method,
    /// Path and query, as the upstream sees them.
    pub path: String,
    /// The headers, those for the trace and the request id included.
    pub headers: HeaderMap,
    pub payload: Payload,
    /// How the answer's body is wanted.
    pub reply: Reply,
    /// Reads the body of a success, so that it is parsed once. What has another shape is left as it came.
    pub parser: Option<BodyParser>,
    /// Whether making the call twice is the same as making it once.
    pub idempotent: bool,
    /// Who asks, as far as we know: only calls of the same caller share one flight, and a caller's late or broken calls
    /// are held against that caller before they are held against the upstream.
    pub caller: Arc<str>,
    /// How long the whole may take, where the upstream's own deadline does not fit.
    pub patience: Option<Duration>,
    /// When its caller gives up; known inside the layer of deadlines.
    pub until: Option<Instant>,
}

/// What an answer was read as. Callers who share a flight share it.
pub type ParsedBody = Arc<dyn Any + Send + Sync>;

/// Reads JSON as the type that a caller wants.
pub type BodyParser = fn(&[u8]) -> serde_json::Result<ParsedBody>;

/// Reads JSON as a `T`.
pub fn parse_as<T: DeserializeOwned + Send + Sync + 'static>(bytes: &[u8]) -> serde_json::Result<ParsedBody> {
    serde_json::from_slice::<T>(bytes).map(|body| Arc::new(body) as ParsedBody)
}

#[derive(Debug, Clone)]
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

pub type CallResult = Result<UpstreamResponse, UpstreamError>;

#[derive(Debug)]
pub struct UpstreamResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body, as the call wanted it.
    pub body: UpstreamBody,
}

#[derive(Debug)]
pub enum UpstreamBody {
    Whole(Bytes),
    /// All of it, read by the call's own [`BodyParser`].
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
    /// Returns how much time its caller leaves.
    pub fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()))
    }
}

impl Payload {
    /// Whether all of it can still be sent.
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Stream(upload) => upload.is_unsent(),
        }
    }
}

/// A body to be passed on. One that was parsed is not: whoever passes a body on has no parser.
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
    /// Whether the service says that it is well and has too much work: a problem with the code `overloaded`.
    pub fn sheds(&self) -> bool {
        self.is_a(MEDIA_TYPE)
            && serde_json::from_slice::<Problem>(&self.bytes()).is_ok_and(|problem| problem.code == Code::Overloaded)
    }

    /// Whether the body is a live feed, which ends when the service does.
    pub fn is_live(&self) -> bool {
        self.is_a("text/event-stream")
    }

    fn is_a(&self, media: &str) -> bool {
        let told = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        told.is_some_and(|told| told.starts_with(media))
    }

    /// Returns the body of an answer that was asked for as a whole and not read yet.
    pub fn bytes(&self) -> Bytes {
        match &self.body {
            UpstreamBody::Whole(bytes) => bytes.clone(),
            UpstreamBody::Parsed(_) | UpstreamBody::Stream(_) => Bytes::new(),
        }
    }
}
