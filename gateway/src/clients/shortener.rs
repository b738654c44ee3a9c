//! Calls to shortener: links.

use super::{Client, ServiceError, Shortener, with_query};
use contracts::problem::Code;
use contracts::rest::shortener::{
    CreateLink, CreateLinks, CreateLinksResults, Link, LinkPage, Links, LinksBatch, ListLinks, UpdateLink,
};
use http::Method;
use std::time::Duration;
use uuid::Uuid;

/// The deadline of a bulk creation, which may be 5,000 links.
const BULK_DEADLINE: Duration = Duration::from_secs(9);

impl Client<'_, Shortener> {
    /// Returns one of the user's links.
    pub async fn link(&self, code: &str) -> Result<Option<Link>, ServiceError> {
        if !is_code(code) {
            return Ok(None);
        }
        self.find(format!("/v1/links/{code}")).await
    }

    /// Returns the user's links of these codes.
    pub async fn links_by_code(&self, codes: Vec<String>) -> Result<Vec<Link>, ServiceError> {
        let found: Links = self.look_up("/v1/links/batch", &LinksBatch { codes, ids: Vec::new() }).await?;
        Ok(found.items)
    }

    /// Returns the user's links of these ids.
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

    /// Retried, because of the key.
    pub async fn create(&self, link: &CreateLink, key: &str) -> Result<Link, ServiceError> {
        self.send_once("/v1/links", link, key, "Idempotency-Key").await
    }

    /// Each link succeeds or fails by itself. Retried, because of the key.
    pub async fn create_many(&self, links: Vec<CreateLink>, key: &str) -> Result<CreateLinksResults, ServiceError> {
        let mut call = self.keyed("/v1/links/bulk", &CreateLinks { links }, key, "Idempotency-Key")?;
        call.patience = Some(BULK_DEADLINE);
        self.read(call).await
    }

    pub async fn update(&self, code: &str, changes: &UpdateLink) -> Result<Link, ServiceError> {
        let path = format!("/v1/links/{}", known(code)?);
        self.read(self.send_json(Method::PATCH, path, changes)?).await
    }

    /// Not retried: the second response would say that the link does not exist.
    pub async fn delete(&self, code: &str) -> Result<(), ServiceError> {
        let mut call = self.origin.call(Method::DELETE, format!("/v1/links/{}", known(code)?));
        call.idempotent = false;
        self.answer(call).await.map(drop)
    }
}

/// Whether a text can be a short code. Only such texts become part of a path.
pub fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn known(code: &str) -> Result<&str, ServiceError> {
    if is_code(code) { Ok(code) } else { Err(ServiceError::own(Code::NotFound, "There is no such link.")) }
}
