//! The links that were made before this unit's queues existed.
//!
//! A queue takes what is published once it is there. What came before is in the log of events, which
//! is read once, from its beginning to its end, after the queues were declared: so every event is in
//! the log, in the queues, or in both, and the newest version of a link wins whatever their order.

use super::links::{CONSUMER, Links};
use crate::store::Database;
use chassis::messaging::{
    Broker, Consumer, HandleError, Handler,
    stream::{Reader, Record, Start},
    topology,
};
use contracts::amqp::EVENTS_LOG;
use futures::future::try_join_all;
use std::time::Duration;

/// How long the log must be silent to count as read to its end.
const CALM: Duration = Duration::from_secs(1);
/// How many records are handled at once: they share inserts.
const AT_ONCE: usize = 500;

/// Reads the log of events to its end, unless that was done before.
///
/// # Errors
/// Fails when the broker or the database is away; to be started again.
pub async fn catch_up(broker: &Broker, database: &Database, consumer: &Consumer<Links>) -> anyhow::Result<()> {
    if database.has_read(CONSUMER).await? {
        return Ok(());
    }
    topology::declare_shared(&broker.channel().await?).await?;
    consumer.declare().await?;
    let links = Links::new(database.clone());
    let mut reader = Reader::open(broker, EVENTS_LOG, Start::First);
    let mut read = 0_usize;
    while let Some(records) = reader.next_many_or_end(AT_ONCE, CALM / 10, CALM).await? {
        read += records.len();
        try_join_all(records.iter().map(|record| keep(&links, record))).await?;
    }
    database.note_read(CONSUMER).await?;
    tracing::info!(log.read = read, "The log of events was read to its end.");
    Ok(())
}

/// Keeps what a record tells of a link. One that can't be read is passed over: the log is no queue.
async fn keep(links: &Links, record: &Record) -> anyhow::Result<()> {
    match links.handle(&record.message).await {
        Ok(()) => Ok(()),
        Err(HandleError::Transient(cause)) => Err(cause),
        Err(HandleError::Permanent(cause)) => {
            tracing::error!(
                log.offset = record.offset,
                message.id = %record.message.id,
                error = format!("{cause:#}"),
                "An event of the log cannot be read and is passed over."
            );
            Ok(())
        }
    }
}
