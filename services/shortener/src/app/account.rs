//! Disabling all links of an owner, and enabling them again: a part in deleting an account.

use super::Catalogue;
use super::change::updated;
use crate::domain::{Link, ShortCode};
use crate::error::Error;
use chassis::failpoint;
use chrono::{SubsecRound, Utc};
use contracts::command::{Outcome, Replied, StepRef};
use messaging::Outgoing;
use mongodb::ClientSession;
use serde_json::Value;
use uuid::Uuid;

/// How many links go into one transaction: see the bulk of links.
const CHUNK: u32 = 200;

/// Which links are switched from one state to the other.
#[derive(Clone, Copy)]
struct Switch<'a> {
    owner: Uuid,
    /// Only these, if it says so.
    among: Option<&'a [ShortCode]>,
    /// The saga that disabled them; `None` when no saga did.
    from: Option<Uuid>,
    /// The saga that disables them; they are enabled.
    to: Option<Uuid>,
}

impl Catalogue {
    /// Makes all links of an owner lead nowhere, for a saga, and replies to it. Again, it does what is left.
    pub async fn disable_all(&self, owner: Uuid, step: StepRef) -> Result<(), Error> {
        let saga = step.saga_id;
        let outcome = if self.store.disablings.begin(owner, saga).await? {
            failpoint!("shortener.disable.after_begin");
            while self.switch(Switch { owner, among: None, from: None, to: Some(saga) }).await? {}
            Outcome::Done { answer: Value::Null }
        } else {
            let message = "The links were enabled again before they were disabled.".to_owned();
            Outcome::Refused { code: "undone".to_owned(), message }
        };
        self.reply(Replied { step, outcome }).await
    }

    /// Makes the links lead where they led before the saga disabled them, and replies to it.
    pub async fn enable_all(&self, owner: Uuid, step: StepRef) -> Result<(), Error> {
        let saga = step.saga_id;
        self.store.disablings.end(owner, saga).await?;
        failpoint!("shortener.enable.after_end");
        while self.switch(Switch { owner, among: None, from: Some(saga), to: None }).await? {}
        self.reply(Replied { step, outcome: Outcome::Done { answer: Value::Null } }).await
    }

    /// Refuses to make links for an owner whose account is being deleted.
    pub(super) async fn refuse_leaving(&self, session: &mut ClientSession, owner: Uuid) -> Result<(), Error> {
        if self.store.disablings.holds(session, owner).await? { Err(Error::Leaving) } else { Ok(()) }
    }

    /// Disables links that were made beside a saga that disables their owner's: it did not see them, nor they it, but
    /// who commits last sees the other.
    pub(super) async fn follow_leaving(&self, owner: Uuid, made: &[ShortCode]) -> Result<(), Error> {
        if let Some(saga) = self.store.disablings.of(owner).await? {
            while self.switch(Switch { owner, among: Some(made), from: None, to: Some(saga) }).await? {}
        }
        Ok(())
    }

    /// Switches some links; `false` when none is left.
    async fn switch(&self, switch: Switch<'_>) -> Result<bool, Error> {
        let mut transaction = self.store.transaction().await?;
        let links = loop {
            let session = transaction.start().await?;
            let written = self.write_switch(session, switch).await;
            if let Some(outcome) = transaction.end(written).await {
                break outcome?;
            }
        };
        failpoint!("shortener.switch.after_commit");
        self.lookup.announce(&links).await;
        failpoint!("shortener.switch.after_announce");
        Ok(!links.is_empty())
    }

    async fn write_switch(&self, session: &mut ClientSession, switch: Switch<'_>) -> Result<Vec<Link>, Error> {
        let Switch { owner, among, from, to } = switch;
        let mut links = self.store.links.disabled_by(session, owner, among, from, CHUNK).await?;
        let now = Utc::now().trunc_subsecs(3);
        for link in &mut links {
            link.version += 1;
            link.updated_at = now;
            link.disabled_by = to;
            self.lookup.guard(link.code, link.version).await;
            if !self.store.links.change(session, link, false).await? {
                return Err(Error::Conflict);
            }
        }
        failpoint!("shortener.switch.after_links");
        let events = links.iter().map(|link| updated(link, &["active"]));
        self.store.outbox.enqueue_all(session, events).await?;
        failpoint!("shortener.switch.after_outbox");
        Ok(links)
    }

    async fn reply(&self, reply: Replied) -> Result<(), Error> {
        let reply = Outgoing::reply(reply).map_err(|error| Error::Internal(error.into()))?;
        let mut transaction = self.store.transaction().await?;
        loop {
            let session = transaction.start().await?;
            let written = self.store.outbox.enqueue(session, reply.clone()).await;
            if let Some(outcome) = transaction.end(written.map(drop).map_err(Error::Store)).await {
                return outcome;
            }
        }
    }
}
