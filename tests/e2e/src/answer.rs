//! What comes back from the gateway.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use contracts::problem::Problem;
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use serde_json::Value;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// How long it took until the body was there.
    pub took: Duration,
}

impl Answer {
    pub(crate) async fn read(response: Response, began: std::time::Instant) -> Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.context("reading the body")?;
        Ok(Self { status, headers, body, took: began.elapsed() })
    }

    /// The value of a header; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The beginning of the body, for people who read why a test failed.
    fn beginning(&self) -> String {
        self.text().chars().take(1_000).collect()
    }

    /// The body as JSON. When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{} with no JSON: {}", self.status, self.beginning()))
    }

    /// The body as JSON of an answer that must be a success. When it is not.
    pub fn success(&self) -> Result<Value> {
        ensure!(self.status.is_success(), "{}: {}", self.status, self.beginning());
        if self.body.is_empty() { Ok(Value::Null) } else { self.json() }
    }

    /// The body as the problem that every refusal must be. When it is not one, or contradicts the status or the request
    /// id of the answer.
    pub fn problem(&self) -> Result<Problem> {
        let media = self.header("content-type");
        ensure!(media == contracts::problem::MEDIA_TYPE, "{} as {media:?}: {}", self.status, self.beginning());
        let problem: Problem = serde_json::from_slice(&self.body).context("the problem's body")?;
        ensure!(problem.status == self.status.as_u16(), "the body says {}, not {}", problem.status, self.status);
        let id = self.header("x-request-id");
        ensure!(!id.is_empty(), "no request id is answered");
        ensure!(problem.request_id.as_deref() == Some(id), "request id {:?} is not {id}", problem.request_id);
        Ok(problem)
    }

    /// The answer that the first event of a stream holds, where this is a stream; else this one.
    #[must_use]
    pub fn first_event(mut self) -> Self {
        if self.header("content-type").starts_with("text/event-stream") {
            let text = self.text();
            let data = text.lines().find_map(|line| line.strip_prefix("data:"));
            self.body = data.unwrap_or_default().trim().as_bytes().to_vec().into();
        }
        self
    }

    /// The data of a GraphQL answer without errors. When there are errors or no data.
    pub fn data(&self) -> Result<Value> {
        let mut body = self.json()?;
        ensure!(body.get("errors").is_none(), "{}: {body}", self.status);
        Ok(body["data"].take())
    }

    /// The data of a GraphQL answer, of which some may be missing. When it is not JSON.
    pub fn partial(&self) -> Result<Value> {
        Ok(self.json()?["data"].take())
    }

    /// The errors of a GraphQL answer. When there are none.
    pub fn errors(&self) -> Result<Vec<Value>> {
        let body = self.json()?;
        let errors = body["errors"].as_array().filter(|errors| !errors.is_empty());
        errors.cloned().with_context(|| format!("{} without errors: {body}", self.status))
    }

    /// The extensions of the first GraphQL error, checked to have all that clients rely on. When there is no error, or
    /// one of the four extensions is missing.
    pub fn error(&self) -> Result<Value> {
        let first = self.errors()?.swap_remove(0);
        let extensions = first["extensions"].clone();
        for name in ["code", "service", "requestId", "retryAfterMs"] {
            ensure!(extensions.get(name).is_some(), "the extension {name} is missing in {first}");
        }
        let (told, id) = (extensions["requestId"].as_str().unwrap_or_default(), self.header("x-request-id"));
        ensure!(told == id && !id.is_empty(), "request id {told:?} is not {id:?}");
        Ok(extensions)
    }

    /// The code of the first GraphQL error. See [`Answer::error`].
    pub fn error_code(&self) -> Result<String> {
        Ok(self.error()?["code"].as_str().unwrap_or_default().to_owned())
    }
}
