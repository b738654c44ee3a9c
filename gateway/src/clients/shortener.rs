//! shortener: links.

use std::time::Duration;

use contracts::problem::Code;
use contracts::rest::shortener::{CreateLink, CreateLinks, CreateLinksResults, Link, LinkPage, ListLinks, UpdateLink};
use http::{HeaderValue, Method};
use url::form_urlencoded::Serializer;

use super::{Client, ServiceError};
use crate::origin::IDEMPOTENCY_KEY;

/// How long a bulk creation may take: thousands of links are more than a read.
const BULK_DEADLINE: Duration = Duration::from_secs(9);

impl Client<'_> {
    /// Returns one of the user's links, nothing where there is none.
    ///
    /// # Errors
    /// Fails as shortener does.
    pub async fn link(&self, code: &str) -> Result<Option<Link>, ServiceError> {
        if !is_code(code) {
            return Ok(None);
        }
        match self.read(self.get(format!("/v1/links/{code}"))).await {
            Err(error) if error.problem.code == Code::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Returns a page of the user's links.
    ///
    /// # Errors
    /// Fails as shortener does.
    pub async fn links(&self, wanted: &ListLinks) -> Result<LinkPage, ServiceError> {
        self.read(self.get(list_path(wanted))).await
    }

    /// Creates a link. The key makes it repeatable, for us as for the client.
    ///
    /// # Errors
    /// Fails as shortener does.
    pub async fn create_link(&self, link: &CreateLink, key: &str) -> Result<Link, ServiceError> {
        let mut call = self.send_json(Method::POST, "/v1/links", link)?;
        let unusable = |_| ServiceError::argument("Idempotency-Key", "It holds characters that a header must not.");
        call.headers.insert(IDEMPOTENCY_KEY, HeaderValue::try_from(key).map_err(unusable)?);
        call.idempotent = true;
        self.read(call).await
    }

    /// Creates many links, each for itself.
    ///
    /// # Errors
    /// Fails as shortener does.
    pub async fn create_links(&self, links: Vec<CreateLink>) -> Result<CreateLinksResults, ServiceError> {
        let mut call = self.send_json(Method::POST, "/v1/links/bulk", &CreateLinks { links })?;
        call.deadline = Some(BULK_DEADLINE);
        self.read(call).await
    }

    /// Changes a link.
    ///
    /// # Errors
    /// Fails as shortener does.
    pub async fn update_link(&self, code: &str, changes: &UpdateLink) -> Result<Link, ServiceError> {
        let path = format!("/v1/links/{}", known(code)?);
        self.read(self.send_json(Method::PATCH, path, changes)?).await
    }

    /// Deletes a link. Not repeated by itself: the second answer would be that there is none.
    ///
    /// # Errors
    /// Fails as shortener does.
    pub async fn delete_link(&self, code: &str) -> Result<(), ServiceError> {
        let mut call = self.origin.call(Method::DELETE, format!("/v1/links/{}", known(code)?));
        call.idempotent = false;
        self.answer(call).await.map(drop)
    }
}

fn list_path(wanted: &ListLinks) -> String {
    let path = "/v1/links?";
    let mut query = Serializer::for_suffix(path.to_owned(), path.len());
    let first = wanted.first.map(|first| first.to_string());
    let pairs = [
        ("first", first.as_ref()),
        ("after", wanted.after.as_ref()),
        ("tag", wanted.tag.as_ref()),
        ("search", wanted.search.as_ref()),
    ];
    for (name, value) in pairs.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        query.append_pair(name, value);
    }
    query.finish()
}

/// Whether text can be a short code at all. What cannot never becomes part of a path.
#[must_use]
pub fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn known(code: &str) -> Result<&str, ServiceError> {
    if is_code(code) { Ok(code) } else { Err(ServiceError::own(Code::NotFound, "There is no such link.")) }
}
