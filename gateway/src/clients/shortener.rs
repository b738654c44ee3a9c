//! shortener: links.

use std::time::Duration;

use contracts::problem::Code;
use contracts::rest::shortener::{
    CreateLink, CreateLinks, CreateLinksResults, Link, LinkPage, Links, LinksBatch, ListLinks, UpdateLink,
};
use http::Method;
use uuid::Uuid;

use super::{Client, ServiceError, Shortener, with_query};

/// How long a bulk creation may take: thousands of links are more than a read.
const BULK_DEADLINE: Duration = Duration::from_secs(9);

impl Client<'_, Shortener> {
    /// Returns one of the user's links, nothing where there is none.
    pub async fn link(&self, code: &str) -> Result<Option<Link>, ServiceError> {
        if !is_code(code) {
            return Ok(None);
        }
        self.find(format!("/v1/links/{code}")).await
    }

    /// Returns those of the links that are the user's.
    pub async fn links_by_code(&self, codes: Vec<String>) -> Result<Vec<Link>, ServiceError> {
        let found: Links = self.look_up("/v1/links/batch", &LinksBatch { codes, ids: Vec::new() }).await?;
        Ok(found.items)
    }

    /// Returns those of the links that are the user's, by their ids.
    pub async fn links_by_id(&self, ids: Vec<Uuid>) -> Result<Vec<Link>, ServiceError> {
        let found: Links = self.look_up("/v1/links/batch", &LinksBatch { codes: Vec::new(), ids }).await?;
        Ok(found.items)
    }

    pub async fn links(&self, wanted: &ListLinks) -> Result<LinkPage, ServiceError> {
        let first = wanted.first.map(|first| first.to_string());
        let pairs = [
            ("first", first.as_deref()),
            ("after", wanted.after.as_deref()),
            ("tag", wanted.tag.as_deref()),
            ("search", wanted.search.as_deref()),
        ];
        self.read(self.get(with_query("/v1/links", &pairs)?)).await
    }

    /// Creates a link. The key makes it repeatable, for us as for the client.
    pub async fn create(&self, link: &CreateLink, key: &str) -> Result<Link, ServiceError> {
        self.send_once("/v1/links", link, key, "Idempotency-Key").await
    }

    /// Creates many links, each for itself.
    pub async fn create_many(&self, links: Vec<CreateLink>) -> Result<CreateLinksResults, ServiceError> {
        let mut call = self.send_json(Method::POST, "/v1/links/bulk", &CreateLinks { links })?;
        call.patience = Some(BULK_DEADLINE);
        self.read(call).await
    }

    pub async fn update(&self, code: &str, changes: &UpdateLink) -> Result<Link, ServiceError> {
        let path = format!("/v1/links/{}", known(code)?);
        self.read(self.send_json(Method::PATCH, path, changes)?).await
    }

    /// Deletes a link. Not repeated by itself: the second answer would be that there is none.
    pub async fn delete(&self, code: &str) -> Result<(), ServiceError> {
        let mut call = self.origin.call(Method::DELETE, format!("/v1/links/{}", known(code)?));
        call.idempotent = false;
        self.answer(call).await.map(drop)
    }
}

/// Whether text can be a short code at all. What cannot never becomes part of a path.
pub fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn known(code: &str) -> Result<&str, ServiceError> {
    if is_code(code) { Ok(code) } else { Err(ServiceError::own(Code::NotFound, "There is no such link.")) }
}
