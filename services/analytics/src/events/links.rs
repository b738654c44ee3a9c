//! Keeps the copy of the links in step with their owner's events.
//!
//! Every event holds a whole version, and the newest version wins in the table: an event that comes
//! twice, late or out of order changes nothing. That is why no inbox is needed.

use crate::store::links::Link;
use crate::store::{Database, StoreError};
use anyhow::Context as _;
use chassis::batcher::Batcher;
use contracts::envelope::EventData;
use contracts::event::shortener::{UrlCreated, UrlDeleted, UrlUpdated};
use messaging::{HandleError, Handler, Message, Registration, Subscription};
use std::convert::Infallible;
use std::sync::Arc;

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "analytics.links";
/// How many links are written at once: they share inserts.
const PARTITIONS: u16 = 8;
/// How many events of the log are handled at once: they share inserts.
const AT_ONCE: usize = 500;
/// How many links one insert holds at most.
const MOST: usize = 10_000;

/// The consumer. It begins with the links that were made before its queues existed.
pub fn consumer(database: Database) -> Registration<Links> {
    Subscription::new(CONSUMER, [UrlCreated::TYPE, UrlUpdated::TYPE, UrlDeleted::TYPE])
        .partitions(PARTITIONS)
        .handled_by(Links { database: database.clone(), batcher: Batcher::at_most(MOST) })
        .copying(AT_ONCE, database)
}

/// Writes versions of links: those that come at the same time in one insert, as ClickHouse likes few and large ones.
pub struct Links {
    database: Database,
    batcher: Batcher<Link, Inserted, Infallible>,
}

/// What came of an insert, for each link of it. A failure is an answer: were it the batcher's error, each link would be
/// tried again by itself, and a server that is busy would get more to do.
type Inserted = Result<(), Arc<StoreError>>;

impl Handler for Links {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        for link in batch.iter().filter_map(|message| link(message).transpose()) {
            self.insert(link?).await?;
        }
        Ok(())
    }
}

impl Links {
    async fn insert(&self, link: Link) -> anyhow::Result<()> {
        let database = self.database.clone();
        let insert = move |links| insert_all(database.clone(), links);
        let Ok(inserted) = self.batcher.join(link, insert).await.context("the insert was given up")?;
        Ok(inserted?)
    }
}

async fn insert_all(database: Database, links: Vec<Arc<Link>>) -> Result<Vec<Inserted>, Infallible> {
    let links: Vec<_> = links.into_iter().map(Arc::unwrap_or_clone).collect();
    let inserted = database.insert_links(&links).await.map_err(Arc::new);
    Ok(vec![inserted; links.len()])
}

/// The version that a message tells of; nothing when it tells of something else.
fn link(message: &Message) -> Result<Option<Link>, HandleError> {
    let version = message.version;
    let link = match message.kind.as_str() {
        UrlCreated::TYPE => whole(message.decode::<UrlCreated>()?.data, version),
        UrlUpdated::TYPE => whole(as_created(message.decode::<UrlUpdated>()?.data), version),
        UrlDeleted::TYPE => {
            let data = message.decode::<UrlDeleted>()?.data;
            Link {
                auth_user_id: data.auth_user_id,
                short_code: data.short_code,
                shortener_url_id: data.url_id,
                original_url: String::new(),
                title: None,
                tags: Vec::new(),
                created_at: None,
                is_deleted: true,
                version,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(link))
}

/// The link as it would have been told of had it been made as it is now.
fn as_created(data: UrlUpdated) -> UrlCreated {
    let UrlUpdated { url_id, short_code, original_url, auth_user_id, title, tags, created_at, expires_at, .. } = data;
    UrlCreated { url_id, short_code, original_url, auth_user_id, title, tags, created_at, expires_at }
}

/// A version that is not the last.
fn whole(data: UrlCreated, version: u64) -> Link {
    Link {
        auth_user_id: data.auth_user_id,
        short_code: data.short_code,
        shortener_url_id: data.url_id,
        original_url: data.original_url,
        title: data.title,
        tags: data.tags,
        created_at: Some(data.created_at),
        is_deleted: false,
        version,
    }
}
