//! Deleting a link.

use super::Catalogue;
use crate::domain::{Link, ShortCode};
use crate::error::Error;
use chrono::{SubsecRound, Utc};
use contracts::envelope::Event;
use contracts::event::shortener::UrlDeleted;
use mongodb::ClientSession;
use uuid::Uuid;

impl Catalogue {
    /// Deletes the owner's link; with `expected`, only if it is in that version. Its code answers
    /// 410 from then on and is never given out again.
    pub async fn remove(&self, owner: Uuid, code: ShortCode, expected: Option<u64>) -> Result<(), Error> {
        let mut transaction = self.store.transaction().await?;
        let link = loop {
            let session = transaction.start().await?;
            let written = self.write_removal(session, owner, code, expected).await;
            if let Some(outcome) = transaction.end(written).await {
                break outcome?;
            }
        };
        self.lookup.announce([&link]).await;
        Ok(())
    }

    async fn write_removal(
        &self,
        session: &mut ClientSession,
        owner: Uuid,
        code: ShortCode,
        expected: Option<u64>,
    ) -> Result<Link, Error> {
        let links = &self.store.links;
        let mut link = links.of_owner_in(session, owner, code).await?.ok_or(Error::NotFound)?;
        if expected.is_some_and(|version| version != link.version) {
            return Err(Error::Conflict);
        }
        let now = Utc::now().trunc_subsecs(3);
        link.version += 1;
        link.updated_at = now;
        link.deleted_at = Some(now);
        self.lookup.guard(code, link.version).await;
        if !links.change(session, &link, false).await? {
            return Err(Error::Conflict);
        }
        let data = UrlDeleted { url_id: link.id, short_code: code.to_string(), auth_user_id: owner, deleted_at: now };
        let event = Event::new(link.id.to_string(), link.version, data);
        self.store.outbox.enqueue(session, event).await?;
        Ok(link)
    }
}
