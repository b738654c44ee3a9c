//! Events of shortener.

use crate::envelope::EventData;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A link was made. Subject: the link's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UrlCreated {
    pub url_id: Uuid,
    /// The short code under which it is reached; never reused.
    pub short_code: String,
    pub original_url: String,
    /// The owner (soft reference to auth's users).
    pub auth_user_id: Uuid,
    pub title: Option<String>,
    pub tags: Vec<String>,
    pub created_at: DateTime<Utc>,
    /// When it stops leading anywhere.
    pub expires_at: Option<DateTime<Utc>>,
}

impl EventData for UrlCreated {
    const TYPE: &'static str = "shortener.url.created";
    const VERSION: u32 = 1;
}

/// A link was changed. Subject: the link's id. Holds the whole state after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UrlUpdated {
    pub url_id: Uuid,
    pub short_code: String,
    /// Where it leads now.
    pub original_url: String,
    /// The owner (soft reference to auth's users).
    pub auth_user_id: Uuid,
    pub title: Option<String>,
    pub tags: Vec<String>,
    pub created_at: DateTime<Utc>,
    /// When it stops leading anywhere.
    pub expires_at: Option<DateTime<Utc>>,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    pub updated_at: DateTime<Utc>,
}

impl EventData for UrlUpdated {
    const TYPE: &'static str = "shortener.url.updated";
    const VERSION: u32 = 1;
}

/// A link was deleted; its code is never given out again. Subject: the link's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UrlDeleted {
    pub url_id: Uuid,
    pub short_code: String,
    /// The owner (soft reference to auth's users).
    pub auth_user_id: Uuid,
    pub deleted_at: DateTime<Utc>,
}

impl EventData for UrlDeleted {
    const TYPE: &'static str = "shortener.url.deleted";
    const VERSION: u32 = 1;
}

/// Links were clicked: consecutive clicks of one spool. Subject: the spool's id.
///
/// The click at index `i` has the sequence `first_sequence + i`. (`spool_id`, sequence) identifies
/// a click for ever; a spool publishes its clicks in order and may repeat the latest ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UrlClicked {
    /// The spool that the clicks were written to before their redirects were answered.
    pub spool_id: Uuid,
    /// The sequence of the first click, from 1.
    pub first_sequence: u64,
    /// The clicks, in the order of the spool.
    pub clicks: Vec<Click>,
}

impl EventData for UrlClicked {
    const TYPE: &'static str = "shortener.url.clicked";
    const VERSION: u32 = 1;
}

/// One answered redirect. Holds no address: the visitor is a keyed hash whose key is destroyed.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Click {
    pub url_id: Uuid,
    /// When it was clicked, in milliseconds since the Unix epoch.
    pub clicked_at_ms: i64,
    /// HMAC-SHA256(daily salt, link + address + user agent), the first 16 bytes in hex.
    pub visitor: String,
    /// The host that the visitor came from, in lower case.
    pub referrer: Option<String>,
    /// The `User-Agent` header, cut to 512 bytes.
    pub user_agent: Option<String>,
    /// ISO 3166-1 alpha-2, where a GeoIP file is configured and knows the address.
    pub country: Option<String>,
    /// The first language of `Accept-Language`, its primary subtag in lower case.
    pub language: Option<String>,
}
