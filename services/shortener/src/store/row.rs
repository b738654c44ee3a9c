//! A link as a document of `urls`.

use crate::domain::{Link, ShortCode};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use mongodb::bson;
use serde::{Deserialize, Serialize};

/// A document of `urls`. What a link has not is absent, not null.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    code: String,
    auth_user_id: bson::Uuid,
    url: String,
    title: Option<String>,
    tags: Vec<String>,
    created_at: bson::DateTime,
    updated_at: bson::DateTime,
    expires_at: Option<bson::DateTime>,
    max_clicks: Option<i64>,
    used: i64,
    redirect_status: i32,
    forward_query: bool,
    fallback_url: Option<String>,
    click_count: i64,
    version: i64,
    deleted_at: Option<bson::DateTime>,
    disabled_by: Option<bson::Uuid>,
}

impl From<&Link> for Row {
    fn from(link: &Link) -> Self {
        Self {
            id: link.id.into(),
            code: link.code.as_str().to_owned(),
            auth_user_id: link.auth_user_id.into(),
            url: link.url.clone(),
            title: link.title.clone(),
            tags: link.tags.clone(),
            created_at: link.created_at.into(),
            updated_at: link.updated_at.into(),
            expires_at: link.expires_at.map(Into::into),
            max_clicks: link.max_clicks.map(signed),
            used: signed(link.used),
            redirect_status: i32::from(link.redirect_status),
            forward_query: link.forward_query,
            fallback_url: link.fallback_url.clone(),
            click_count: signed(link.click_count),
            version: signed(link.version),
            deleted_at: link.deleted_at.map(Into::into),
            disabled_by: link.disabled_by.map(Into::into),
        }
    }
}

impl TryFrom<Row> for Link {
    type Error = anyhow::Error;

    fn try_from(row: Row) -> anyhow::Result<Self> {
        let time = |at: bson::DateTime| -> DateTime<Utc> { at.into() };
        Ok(Self {
            id: row.id.into(),
            code: ShortCode::parse(&row.code).context("a stored code is malformed")?,
            auth_user_id: row.auth_user_id.into(),
            url: row.url,
            title: row.title,
            tags: row.tags,
            created_at: time(row.created_at),
            updated_at: time(row.updated_at),
            expires_at: row.expires_at.map(time),
            max_clicks: row.max_clicks.map(i64::unsigned_abs),
            used: row.used.unsigned_abs(),
            redirect_status: u16::try_from(row.redirect_status)?,
            forward_query: row.forward_query,
            fallback_url: row.fallback_url,
            click_count: row.click_count.unsigned_abs(),
            version: row.version.unsigned_abs(),
            deleted_at: row.deleted_at.map(time),
            disabled_by: row.disabled_by.map(Into::into),
        })
    }
}

/// BSON knows signed numbers only.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
