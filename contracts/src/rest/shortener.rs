//! REST types of shortener.

use crate::moment;
use crate::problem::Problem;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// The most links that one bulk request may hold.
pub const BULK_LIMIT: usize = 5_000;
/// The most links that one batch may ask for.
pub const BATCH_LIMIT: usize = 100;

/// `POST /v1/links`, and an item of `POST /v1/links/bulk`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateLink {
    /// Where the link leads: `http` or `https`, at most 2,048 characters, no credentials.
    pub url: String,
    /// A code of the owner's choice: 3 to 32 of `A-Z a-z 0-9 _ -`. Generated when absent.
    pub code: Option<String>,
    /// At most 200 characters.
    pub title: Option<String>,
    /// At most 20 tags of 1 to 50 characters each.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tags: Vec<String>,
    /// From then on the link answers 410. In the future.
    #[serde(default, deserialize_with = "moment::optional")]
    pub expires_at: Option<DateTime<Utc>>,
    /// After so many redirects the link answers 410. From 1.
    pub max_clicks: Option<u64>,
    /// 301, 302, 307 or 308. 302 when absent.
    pub redirect_status: Option<u16>,
    /// Whether the query of the request is added to the target's. False when absent.
    pub forward_query: Option<bool>,
    /// Where the link leads when it is expired or used up, in place of 410.
    pub fallback_url: Option<String>,
}

/// `POST /v1/links/bulk`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateLinks {
    /// 1 to 5,000 links. Each succeeds or fails by itself.
    pub links: Vec<CreateLink>,
}

/// The answer to `POST /v1/links/bulk`: a result per item, in the order of the request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreateLinksResults {
    /// One result per item.
    pub results: Vec<CreateLinkResult>,
}

/// What became of one item: either `link` or `problem` is there.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreateLinkResult {
    /// The item's index in the request, from 0.
    pub index: usize,
    /// The link, where it was made.
    pub link: Option<Link>,
    /// Why it was not made.
    pub problem: Option<Problem>,
}

/// `PATCH /v1/links/{code}` (JSON merge patch, RFC 7396): absent fields stay, `null` clears.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateLink {
    /// Where the link leads.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub url: Option<String>,
    /// The title; `null` clears it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub title: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub tags: Option<Vec<String>>,
    /// The expiry; `null` clears it.
    #[serde(default, deserialize_with = "moment::present")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub expires_at: Option<Option<DateTime<Utc>>>,
    /// The limit; `null` clears it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u64>)]
    pub max_clicks: Option<Option<u64>>,
    /// 301, 302, 307 or 308.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub redirect_status: Option<u16>,
    /// Whether the query is forwarded.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub forward_query: Option<bool>,
    /// The fallback; `null` clears it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub fallback_url: Option<Option<String>>,
}

/// Refuses `null` for a field that cannot be cleared.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Tells a field that is `null` (`Some(None)`) from one that is absent (`None`).
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A link, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    pub id: Uuid,
    pub code: String,
    pub url: String,
    /// The whole short address, to be shared.
    pub short_url: String,
    pub title: Option<String>,
    pub tags: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// From when on it leads nowhere.
    pub expires_at: Option<DateTime<Utc>>,
    /// After how many redirects it leads nowhere.
    pub max_clicks: Option<u64>,
    pub redirect_status: u16,
    pub forward_query: bool,
    /// Where it leads when expired or used up.
    pub fallback_url: Option<String>,
    /// Redirects answered; follows the clicks by some seconds.
    pub click_count: u64,
    /// Whether it leads somewhere now: neither expired nor used up.
    pub active: bool,
    /// Grows by one with every change.
    pub version: u64,
}

/// `GET /v1/links`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListLinks {
    /// How many at most: 1 to 100, 20 when absent.
    pub first: Option<u32>,
    /// The cursor after which to go on.
    pub after: Option<String>,
    /// Only links with this tag.
    pub tag: Option<String>,
    /// Only links whose title, code or target contains this, without regard to case.
    pub search: Option<String>,
}

/// The answer to `GET /v1/links`: newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LinkPage {
    pub items: Vec<LinkItem>,
    pub has_next_page: bool,
}

/// `POST /v1/links/batch`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinksBatch {
    /// Codes of links; 1 to 100 codes and ids together.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub codes: Vec<String>,
    /// Ids of links.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ids: Vec<Uuid>,
}

/// The answer to `POST /v1/links/batch`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Links {
    /// Those that exist and are the caller's, in no order.
    pub items: Vec<Link>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LinkItem {
    /// Goes into `after` to go on behind this link.
    pub cursor: String,
    pub link: Link,
}
