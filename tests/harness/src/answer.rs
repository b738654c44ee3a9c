//! Requests to a service in the test's own process, and its answers as tests look at them.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use contracts::problem::{Code, MEDIA_TYPE, Problem};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An answer, read to its end. What it should be and is not fails the test, where it was asked.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads the answer of a router.
    pub async fn read(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the whole body").to_bytes().to_vec();
        Self { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request over the network and reads its answer.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        Self { status, headers, body: answer.bytes().await.expect("the whole body").to_vec() }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, of an answer with this status.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self, status: StatusCode) -> T {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The problem, which has this code, the status that belongs to it, and the request's id.
    #[track_caller]
    pub fn problem(&self, code: Code) -> Problem {
        assert_eq!(self.headers["content-type"], MEDIA_TYPE, "{}", self.text());
        let problem: Problem = serde_json::from_slice(&self.body).expect("a problem");
        assert_eq!(problem.code, code, "{}", self.text());
        assert_eq!(self.status.as_u16(), code.status());
        assert!(problem.request_id.is_some());
        problem
    }

    /// The fields that were refused.
    #[track_caller]
    pub fn refused(&self) -> Vec<String> {
        self.problem(Code::ValidationFailed).errors.into_iter().map(|error| error.field).collect()
    }

    /// It is done, and there is nothing to tell.
    #[track_caller]
    pub fn no_content(&self) {
        assert_eq!(self.status, StatusCode::NO_CONTENT, "{}", self.text());
    }

    /// It is a redirect that nobody may keep.
    #[track_caller]
    pub fn leads_to(&self, target: &str) {
        assert!(self.status.is_redirection(), "{} {}", self.status, self.text());
        assert_eq!(self.headers["location"], target);
        assert_eq!(self.headers["cache-control"], "private, no-store");
    }
}

pub fn request(method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        builder = builder.header("authorization", format!("Bearer {token}"));
    }
    match body {
        Some(body) => builder.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => builder.body(Body::empty()),
    }
    .expect("a request")
}

pub fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().expect("a header's value"));
    request
}
