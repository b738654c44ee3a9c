//! Making a link.

use super::{Catalogue, created};
use crate::domain::{LONG, Link, NewLink, SHORT};
use crate::error::Error;
use crate::metrics::LINKS_CREATED;
use crate::store::{Replay, is_duplicate};
use anyhow::Context as _;
use chassis::http::IdempotencyKey;
use chrono::Utc;
use contracts::envelope::Event;
use contracts::event::shortener::UrlCreated;
use contracts::rest::shortener as rest;
use metrics::counter;
use mongodb::ClientSession;
use sha2::{Digest, Sha256};
use std::slice;
use uuid::Uuid;

/// How often a code of the usual length is generated anew when it collides.
const RETRIES: u32 = 5;
/// The name of this operation among those that can be repeated.
const OPERATION: &str = "create-link";

/// A request that may come again, with its key.
struct Repeatable<'a> {
    owner: Uuid,
    key: &'a IdempotencyKey,
    fingerprint: String,
}

impl Catalogue {
    /// Makes a link. With a key, the same request makes it once, however often it comes.
    pub async fn create(
        &self,
        owner: Uuid,
        request: &rest::CreateLink,
        key: Option<&IdempotencyKey>,
    ) -> Result<rest::Link, Error> {
        let Some(key) = key else { return self.create_once(owner, request, None).await };
        let repeatable = Repeatable { owner, key, fingerprint: fingerprint(request)? };
        if let Some(answer) = self.answered(&repeatable).await? {
            return Ok(answer);
        }
        match self.create_once(owner, request, Some(&repeatable)).await {
            // The other request with this key may have ended meanwhile.
            Err(Error::IdempotencyInProgress) => self.answered(&repeatable).await?.ok_or(Error::IdempotencyInProgress),
            outcome => outcome,
        }
    }

    /// What was answered to this request before.
    async fn answered(&self, request: &Repeatable<'_>) -> Result<Option<rest::Link>, Error> {
        let found = self.store.replays.find(request.owner, OPERATION, request.key.as_str()).await?;
        let Some(replay) = found else { return Ok(None) };
        if replay.fingerprint != request.fingerprint {
            return Err(Error::IdempotencyMismatch);
        }
        let answer = serde_json::from_str(&replay.answer).context("a stored answer");
        answer.map(Some).map_err(Error::Internal)
    }

    async fn create_once(
        &self,
        owner: Uuid,
        request: &rest::CreateLink,
        repeatable: Option<&Repeatable<'_>>,
    ) -> Result<rest::Link, Error> {
        let now = Utc::now();
        let new = NewLink::parse(request, &self.policy, now).map_err(Error::Refused)?;
        let mut collisions = 0;
        loop {
            let length = if collisions <= RETRIES { SHORT } else { LONG };
            let code = new.code.unwrap_or_else(|| (self.generate)(length));
            let link = new.clone().into_link(owner, code, now);
            match self.insert(&link, repeatable).await {
                Err(Error::CodeTaken) if new.code.is_none() && collisions < 2 * RETRIES => {
                    collisions += 1;
                }
                Err(error) => return Err(error),
                Ok(answer) => {
                    self.follow_leaving(owner, &[link.code]).await?;
                    // Somebody may have asked for a code that can be guessed before it was there.
                    if new.code.is_some() {
                        self.lookup.announce([&link]).await;
                    }
                    counter!(LINKS_CREATED, "how" => "single").increment(1);
                    return Ok(answer);
                }
            }
        }
    }

    /// Writes the link, its event, and the answer in case the request comes again.
    async fn insert(&self, link: &Link, repeatable: Option<&Repeatable<'_>>) -> Result<rest::Link, Error> {
        let answer = self.present(link);
        let replay = match repeatable {
            Some(request) => Some(Replay {
                fingerprint: request.fingerprint.clone(),
                answer: serde_json::to_string(&answer).map_err(|error| Error::Internal(error.into()))?,
            }),
            None => None,
        };
        let event = created(link);
        let mut transaction = self.store.transaction().await?;
        loop {
            let session = transaction.start().await?;
            let written = self.write(session, link, repeatable.zip(replay.as_ref()), &event).await;
            if let Some(outcome) = transaction.end(written).await {
                return outcome.map(|()| answer);
            }
        }
    }

    async fn write(
        &self,
        session: &mut ClientSession,
        link: &Link,
        repeatable: Option<(&Repeatable<'_>, &Replay)>,
        event: &Event<UrlCreated>,
    ) -> Result<(), Error> {
        self.refuse_leaving(session, link.auth_user_id).await?;
        if let Some((Repeatable { owner, key, .. }, replay)) = repeatable {
            self.store.replays.insert(session, *owner, OPERATION, key.as_str(), replay).await?;
        }
        if let Err(error) = self.store.links.insert(session, slice::from_ref(link)).await {
            let is_taken = is_duplicate(&error);
            return Err(if is_taken { Error::CodeTaken } else { Error::Store(error) });
        }
        self.store.outbox.enqueue(session, event.clone()).await?;
        Ok(())
    }
}

/// The hash of a request, by which a repeated one is known.
fn fingerprint(request: &rest::CreateLink) -> Result<String, Error> {
    let text = serde_json::to_vec(request).map_err(|error| Error::Internal(error.into()))?;
    Ok(hex::encode(Sha256::digest(text)))
}
