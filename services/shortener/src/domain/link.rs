//! A link and its states.

use super::ShortCode;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A link: what is known of it, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The link's id (UUIDv7: ids grow with time).
    pub id: Uuid,
    /// Its code, for ever.
    pub code: ShortCode,
    /// The owner (soft reference to auth's users).
    pub auth_user_id: Uuid,
    pub url: String,
    pub title: Option<String>,
    pub tags: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    /// After how many redirects it is used up.
    pub max_clicks: Option<u64>,
    /// How many of them were granted; exact, and counted only while there is a limit.
    pub used: u64,
    pub redirect_status: u16,
    /// Whether the query of a request is added to the target's.
    pub forward_query: bool,
    /// Where it leads when expired or used up.
    pub fallback_url: Option<String>,
    /// Redirects answered, as told by the clicks' stream.
    pub click_count: u64,
    /// Grows by one with every change.
    pub version: u64,
    pub deleted_at: Option<DateTime<Utc>>,
    /// The saga that deletes the owner's account, and with it this link.
    pub disabled_by: Option<Uuid>,
}

/// Whether a link leads somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Active,
    Expired,
    /// All its redirects were given.
    UsedUp,
    /// Its owner deleted it.
    Deleted,
    /// Its owner's account is being deleted, or is gone.
    Disabled,
}

impl Link {
    /// The link's state at `now`.
    pub fn state(&self, now: DateTime<Utc>) -> State {
        if self.deleted_at.is_some() {
            State::Deleted
        } else if self.disabled_by.is_some() {
            State::Disabled
        } else if self.expires_at.is_some_and(|end| end <= now) {
            State::Expired
        } else if self.max_clicks.is_some_and(|limit| self.used >= limit) {
            State::UsedUp
        } else {
            State::Active
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NewLink, TargetPolicy};
    use chrono::TimeDelta;
    use contracts::rest::shortener::CreateLink;

    #[test]
    fn a_link_ends_by_time_by_clicks_or_by_its_owner() {
        let now = Utc::now();
        let end = now + TimeDelta::hours(1);
        let request = CreateLink {
            url: "https://example.com".into(),
            expires_at: Some(end),
            max_clicks: Some(2),
            ..CreateLink::default()
        };
        let new = NewLink::parse(&request, &TargetPolicy::default(), now).unwrap();
        let mut link = new.into_link(Uuid::now_v7(), ShortCode::generate(7), now);
        assert_eq!(link.state(now), State::Active);
        link.used = 2;
        assert_eq!(link.state(now), State::UsedUp);
        assert_eq!(link.state(end), State::Expired);
        link.deleted_at = Some(now);
        assert_eq!(link.state(now), State::Deleted);
    }
}
