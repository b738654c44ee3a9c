//! Changing a link.

use super::Catalogue;
use crate::domain::{Change, Link, ShortCode};
use crate::error::Error;
use chrono::Utc;
use contracts::envelope::Event;
use contracts::event::shortener::UrlUpdated;
use contracts::rest::shortener::{self as rest, UpdateLink};
use mongodb::ClientSession;
use uuid::Uuid;

impl Catalogue {
    /// Changes the owner's link; with `expected`, only if it is in that version. A request that
    /// changes nothing leaves the version as it is and makes no event.
    pub async fn change(
        &self,
        owner: Uuid,
        code: ShortCode,
        request: &UpdateLink,
        expected: Option<u64>,
    ) -> Result<rest::Link, Error> {
        let parsed = Change::parse(request, &self.policy, Utc::now());
        let change = parsed.map_err(Error::Refused)?;
        let mut transaction = self.store.transaction().await?;
        let (link, is_changed) = loop {
            let session = transaction.start().await?;
            let written = self.write_change(session, owner, code, change.clone(), expected).await;
            if let Some(outcome) = transaction.end(written).await {
                break outcome?;
            }
        };
        if is_changed {
            self.lookup.announce([&link]).await;
        }
        Ok(self.present(&link))
    }

    /// Tells the link after the change, and whether it is another than before.
    async fn write_change(
        &self,
        session: &mut ClientSession,
        owner: Uuid,
        code: ShortCode,
        change: Change,
        expected: Option<u64>,
    ) -> Result<(Link, bool), Error> {
        let links = &self.store.links;
        let before = links.of_owner_in(session, owner, code).await?.ok_or(Error::NotFound)?;
        if expected.is_some_and(|version| version != before.version) {
            return Err(Error::Conflict);
        }
        let mut link = before.clone();
        let changed = change.apply(&mut link, Utc::now());
        if changed.is_empty() {
            return Ok((link, false));
        }
        self.lookup.guard(code, link.version).await;
        let starts_limit = before.max_clicks.is_none() && link.max_clicks.is_some();
        if !links.change(session, &link, starts_limit).await? {
            return Err(Error::Conflict);
        }
        self.store.outbox.enqueue(session, updated(&link, &changed)).await?;
        Ok((link, true))
    }
}

pub(super) fn updated(link: &Link, changed: &[&str]) -> Event<UrlUpdated> {
    let data = UrlUpdated {
        url_id: link.id,
        short_code: link.code.to_string(),
        original_url: link.url.clone(),
        auth_user_id: link.auth_user_id,
        title: link.title.clone(),
        tags: link.tags.clone(),
        created_at: link.created_at,
        expires_at: link.expires_at,
        changed: changed.iter().map(|name| (*name).to_owned()).collect(),
        updated_at: link.updated_at,
    };
    Event::new(link.id.to_string(), link.version, data)
}
