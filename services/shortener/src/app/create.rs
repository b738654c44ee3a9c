//! Making a link.

use super::{Catalogue, created};
use crate::domain::{LONG, Link, NewLink, SHORT};
use crate::error::Error;
use crate::metrics::LINKS_CREATED;
use crate::store::is_duplicate;
use chassis::http::{IdempotencyKey, KeyedRequest};
use chrono::Utc;
use contracts::envelope::Event;
use contracts::event::shortener::UrlCreated;
use contracts::rest::shortener as rest;
use metrics::counter;
use mongodb::ClientSession;
use serde::de::DeserializeOwned;
use std::slice;
use uuid::Uuid;

/// How often a code of the usual length is generated anew when it collides.
const RETRIES: u32 = 5;
/// The name of this operation among those that can be repeated.
const OPERATION: &str = "create-link";

impl Catalogue {
    /// Makes a link. With a key, the same request makes it once, however often it comes.
    pub async fn create(
        &self,
        owner: Uuid,
        request: &rest::CreateLink,
        key: Option<IdempotencyKey>,
    ) -> Result<rest::Link, Error> {
        let Some(key) = key else { return self.create_once(owner, request, None).await };
        let keyed = KeyedRequest::new(owner, OPERATION, key, request)?;
        if let Some(answer) = self.answered(&keyed).await? {
            return Ok(answer);
        }
        match self.create_once(owner, request, Some(&keyed)).await {
            // The other request with this key may have ended meanwhile.
            Err(Error::Repeated(refused)) => self.answered(&keyed).await?.ok_or(refused.into()),
            outcome => outcome,
        }
    }

    /// What was answered to this request before.
    pub(super) async fn answered<T: DeserializeOwned>(&self, request: &KeyedRequest) -> Result<Option<T>, Error> {
        let earlier = self.store.idempotency.find(request).await??;
        Ok(earlier.map(serde_json::from_value).transpose()?)
    }

    async fn create_once(
        &self,
        owner: Uuid,
        request: &rest::CreateLink,
        keyed: Option<&KeyedRequest>,
    ) -> Result<rest::Link, Error> {
        let now = Utc::now();
        let new = NewLink::parse(request, &self.policy, now).map_err(Error::Refused)?;
        let mut collisions = 0;
        loop {
            let length = if collisions <= RETRIES { SHORT } else { LONG };
            let code = new.code.unwrap_or_else(|| (self.generate)(length));
            let link = new.clone().into_link(owner, code, now);
            match self.insert(&link, keyed).await {
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
    async fn insert(&self, link: &Link, keyed: Option<&KeyedRequest>) -> Result<rest::Link, Error> {
        let (answer, event) = (self.present(link), created(link));
        let mut transaction = self.store.transaction().await?;
        loop {
            let session = transaction.start().await?;
            let written = self.write(session, link, keyed.map(|keyed| (keyed, &answer)), &event).await;
            if let Some(outcome) = transaction.end(written).await {
                return outcome.map(|()| answer);
            }
        }
    }

    async fn write(
        &self,
        session: &mut ClientSession,
        link: &Link,
        answered: Option<(&KeyedRequest, &rest::Link)>,
        event: &Event<UrlCreated>,
    ) -> Result<(), Error> {
        self.refuse_leaving(session, link.auth_user_id).await?;
        if let Some((keyed, answer)) = answered {
            self.store.idempotency.keep(session, keyed, answer).await??;
        }
        if let Err(error) = self.store.links.insert(session, slice::from_ref(link)).await {
            let is_taken = is_duplicate(&error);
            return Err(if is_taken { Error::CodeTaken } else { Error::Store(error) });
        }
        self.store.outbox.enqueue(session, event.clone()).await?;
        Ok(())
    }
}
