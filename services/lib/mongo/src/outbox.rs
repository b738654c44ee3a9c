//! The outbox in MongoDB: collection `outbox`.

use anyhow::Context as _;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;
use messaging::Outgoing;
use messaging::outbox::{Claimed, Pending, Store, Wake};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ChangeStreamEvent;
use mongodb::error::Error;
use mongodb::options::ReadConcern;
use mongodb::{ClientSession, Collection, Database};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The collection that an outbox is written to.
pub(crate) const OUTBOX: &str = "outbox";
/// The collection with one document: which relay publishes.
pub(crate) const OUTBOX_LEASE: &str = "outbox_lease";

/// The outbox, for writers and for a relay. Clones share the client.
#[derive(Debug, Clone)]
pub struct Outbox {
    entries: Collection<Entry>,
    lease: Collection<Document>,
    claims: Arc<Mutex<Claims>>,
}

/// What the relay of this process has claimed: message, subject, and until when. Only one relay leads, so nobody else
/// need know.
type Claims = HashMap<Uuid, (String, Instant)>;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    /// The message's id. Ids are UUIDs of version 7, so they sort by time.
    #[serde(rename = "_id")]
    id: String,
    subject: String,
    version: i64,
    exchange: String,
    routing_key: String,
    /// The envelope as JSON: stored as BSON it would come back as another text.
    envelope: String,
    enqueued_at: DateTime,
}

impl Entry {
    fn of<M>(message: M) -> Result<Self, Error>
    where
        M: TryInto<Outgoing>,
        M::Error: std::error::Error + Send + Sync + 'static,
    {
        let message = message.try_into().map_err(Error::custom)?.with_origin();
        let envelope = message.envelope;
        Ok(Self {
            id: envelope.id.to_string(),
            subject: envelope.subject.clone(),
            version: i64::try_from(envelope.version).unwrap_or(i64::MAX),
            exchange: message.exchange,
            routing_key: message.routing_key,
            envelope: serde_json::to_string(&envelope).map_err(Error::custom)?,
            enqueued_at: DateTime::now(),
        })
    }
}

impl Outbox {
    /// The outbox of a database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        let (entries, lease) = (database.collection(OUTBOX), database.collection(OUTBOX_LEASE));
        Self { entries, lease, claims: Arc::default() }
    }

    /// Writes a message into the outbox, in the transaction of `session`. Trace, request and cause
    /// are filled in from where the call stands, unless set. Returns the message's id.
    /// An error's labels tell whether to run the transaction again.
    pub async fn enqueue<M>(&self, session: &mut ClientSession, message: M) -> Result<Uuid, Error>
    where
        M: TryInto<Outgoing>,
        M::Error: std::error::Error + Send + Sync + 'static,
    {
        let entry = Entry::of(message)?;
        let id = entry.id.clone();
        self.entries.insert_one(entry).session(session).await?;
        id.parse().map_err(Error::custom)
    }

    /// Writes many messages like [`enqueue`](Self::enqueue) does one, in one go.
    pub async fn enqueue_all<M>(
        &self,
        session: &mut ClientSession,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<(), Error>
    where
        M: TryInto<Outgoing>,
        M::Error: std::error::Error + Send + Sync + 'static,
    {
        let entries = messages.into_iter().map(Entry::of).collect::<Result<Vec<_>, _>>()?;
        if entries.is_empty() {
            return Ok(());
        }
        self.entries.insert_many(entries).session(session).await.map(drop)
    }

    /// Takes or renews the lease; `false` when another relay holds it. Times are the server's.
    async fn lead(&self, relay: Uuid, lease: Duration) -> anyhow::Result<bool> {
        let (relay, millis) = (relay.to_string(), i64::try_from(lease.as_millis())?);
        let free_or_mine = doc! { "_id": "relay", "$expr": { "$or": [
            { "$eq": ["$holder", &relay] },
            { "$lte": ["$until", "$$NOW"] },
        ] } };
        let take = doc! { "$set": { "holder": &relay, "until": { "$add": ["$$NOW", millis] } } };
        let taken = self.lease.update_one(free_or_mine, vec![take]).await?;
        Ok(taken.matched_count == 1)
    }

    fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The subjects of which something is claimed. Claims whose time is over count no more.
    fn held(&self) -> Vec<String> {
        let mut claims = self.claims();
        claims.retain(|_, (_, until)| *until > Instant::now());
        claims.values().map(|(subject, _)| subject.clone()).collect()
    }
}

impl Store for Outbox {
    type Wake = Changes;

    /// Claims for the one relay that leads; the others stand by. MongoDB has no rows to lock past, and one relay keeps
    /// order by itself.
    async fn claim(&self, relay: Uuid, limit: u32, lease: Duration) -> anyhow::Result<Vec<Claimed>> {
        if !self.lead(relay, lease).await? {
            return Ok(Vec::new());
        }
        // A snapshot: a scan that sees commits as it goes could find a later version and have
        // passed the place of an earlier one.
        let entries = self
            .entries
            .find(doc! { "subject": { "$nin": self.held() } })
            .sort(doc! { "_id": 1 })
            .limit(limit.into())
            .read_concern(ReadConcern::snapshot())
            .await?;
        let mut entries: Vec<Entry> = entries.try_collect().await?;
        // Ids sort by the clock of whoever made them; versions are exact.
        entries.sort_by_key(|entry| entry.version);
        let claimed = entries.into_iter().map(|entry| {
            let Entry { id, subject, exchange, routing_key, envelope, .. } = entry;
            Ok(Claimed { id: id.parse()?, subject, exchange, routing_key, envelope })
        });
        let claimed: Vec<Claimed> = claimed.collect::<anyhow::Result<_>>().context("the outbox cannot be read")?;
        let until = Instant::now() + lease;
        self.claims().extend(claimed.iter().map(|claimed| (claimed.id, (claimed.subject.clone(), until))));
        Ok(claimed)
    }

    async fn settle(&self, _: Uuid, published: &[Uuid], back: &[Uuid]) -> anyhow::Result<()> {
        let ids: Vec<String> = published.iter().map(Uuid::to_string).collect();
        self.entries.delete_many(doc! { "_id": { "$in": ids } }).await?;
        let mut claims = self.claims();
        for id in published.iter().chain(back) {
            claims.remove(id);
        }
        Ok(())
    }

    async fn release(&self, relay: Uuid) -> anyhow::Result<()> {
        self.claims().clear();
        let mine = doc! { "_id": "relay", "holder": relay.to_string() };
        self.lease.update_one(mine, doc! { "$set": { "until": DateTime::from_millis(0) } }).await?;
        Ok(())
    }

    async fn pending(&self) -> anyhow::Result<Pending> {
        let count = self.entries.count_documents(doc! {}).await?;
        let oldest = self.entries.find_one(doc! {}).sort(doc! { "_id": 1 }).await?;
        let age = |entry: Entry| {
            let millis = DateTime::now().timestamp_millis() - entry.enqueued_at.timestamp_millis();
            Duration::from_millis(millis.max(0).unsigned_abs()).as_secs_f64()
        };
        Ok(Pending { count, oldest: oldest.map_or(0.0, age) })
    }

    async fn listen(&self) -> anyhow::Result<Changes> {
        let inserts = [
            doc! { "$match": { "operationType": "insert" } },
            doc! { "$project": { "operationType": 1, "ns": 1, "documentKey": 1 } },
        ];
        let stream = self.entries.clone_with_type::<Document>().watch().pipeline(inserts).await?;
        Ok(Changes(stream))
    }
}

/// Listens to the collection's change stream.
pub struct Changes(ChangeStream<ChangeStreamEvent<Document>>);

impl Wake for Changes {
    async fn woken(&mut self) -> anyhow::Result<()> {
        self.0.try_next().await?.context("the change stream ended")?;
        Ok(())
    }
}
