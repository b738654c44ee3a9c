//! Somebody who talks to the gateway.

use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::{Context as _, Result};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::visitor::Visitor;
use crate::{Answer, Events};

/// Somebody at an address, with a token or without. Its address is told as a proxy in front would.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    address: Ipv4Addr,
    headers: Vec<(String, String)>,
}

impl Client {
    /// Somebody without a token, at an address that no other client of the tests has.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        // 100.64.0.0/10 is nobody's in public (RFC 6598), and large enough that chance tells clients apart.
        let address = Ipv4Addr::from(0x6440_0000_u32 | (rand::random::<u32>() >> 10));
        Self { base: base.into(), address, headers: Vec::new() }
    }

    /// The same client, with a header on every request.
    #[must_use]
    pub fn with(&self, name: &str, value: impl Into<String>) -> Self {
        let mut client = self.clone();
        client.headers.retain(|(known, _)| known != name);
        client.headers.push((name.to_owned(), value.into()));
        client
    }

    /// The same client, with an access token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    /// The same client at another listener.
    #[must_use]
    pub fn at(&self, base: impl Into<String>) -> Self {
        Self { base: base.into(), ..self.clone() }
    }

    /// The address that the gateway is told.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Prepares a request.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = kit::http::client().request(method, format!("{}{path}", self.base));
        let request = request.header("x-forwarded-for", self.address.to_string());
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Sends a request and reads the whole answer. When there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let began = Instant::now();
        let response = request.send().await.with_context(|| format!("asking {}", self.base))?;
        Answer::read(response, began).await
    }

    /// Sends a request without a body. When there is no answer.
    pub async fn call(&self, method: Method, path: &str) -> Result<Answer> {
        self.send(self.request(method, path)).await
    }

    /// Reads something. When there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path).await
    }

    /// Sends JSON. When there is no answer.
    pub async fn put_json(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(method, path).json(body)).await
    }

    /// Posts JSON. When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.put_json(Method::POST, path, body).await
    }

    /// Asks by GraphQL. When there is no answer.
    pub async fn ask(&self, query: &str, variables: Value) -> Result<Answer> {
        let request = self.request(Method::POST, "/graphql").header("accept", "application/graphql-response+json");
        self.send(request.json(&json!({ "query": query, "variables": variables }))).await
    }

    /// Follows a short link as far as the gateway leads: the redirect is shown, not followed. When there is no answer.
    pub async fn visit(&self, code: &str, visitor: &Visitor) -> Result<Answer> {
        let mut request = self.request(Method::GET, &format!("/r/{code}")).header("user-agent", visitor.agent);
        if let Some(referrer) = visitor.referrer {
            request = request.header("referer", referrer);
        }
        self.send(request).await
    }

    /// Opens a stream of events. When the answer is not such a stream.
    pub async fn watch(&self, path: &str, last_event_id: Option<&str>) -> Result<Events> {
        let mut request = self.request(Method::GET, path).header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await?;
        let (status, media) = (response.status(), response.headers().get("content-type").cloned());
        let streams = media.as_ref().is_some_and(|media| media.as_bytes().starts_with(b"text/event-stream"));
        anyhow::ensure!(status == StatusCode::OK && streams, "{status}, {media:?}: {}", response.text().await?);
        Ok(Events::new(response))
    }
}
