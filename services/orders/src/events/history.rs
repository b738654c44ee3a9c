//! The products and links that were made before this unit's queues existed.
//!
//! A queue takes what is published once it is there. What came before is in the log of events, which
//! is read once, from its beginning to its end, after the queues were declared: so every event is in
//! the log, in the queues, or in both, and the newest version wins whatever their order.

use super::copies::{CONSUMER, Copies};
use crate::store::histories;
use chassis::messaging::{
    Broker, Consumer, HandleError, Handler,
    stream::{Reader, Record, Start},
    topology,
};
use contracts::amqp::EVENTS_LOG;
use sqlx::PgPool;
use std::time::Duration;

/// How long the log must be silent to count as read to its end.
const CALM: Duration = Duration::from_secs(1);

/// Reads the log of events to its end, unless that was done before.
///
/// # Errors
/// Fails when the broker or the database is away; to be started again.
pub async fn catch_up(broker: &Broker, pool: &PgPool, consumer: &Consumer<Copies>) -> anyhow::Result<()> {
    if histories::is_read(pool, CONSUMER).await? {
        return Ok(());
    }
    topology::declare_shared(&broker.channel().await?).await?;
    consumer.declare().await?;
    let copies = Copies::new(pool.clone());
    let mut reader = Reader::open(broker, EVENTS_LOG, Start::First);
    let mut read = 0_usize;
    while let Some(record) = reader.next_or_end(CALM).await? {
        read += 1;
        keep(&copies, &record).await?;
    }
    histories::note(pool, CONSUMER).await?;
    tracing::info!(log.read = read, "The log of events was read to its end.");
    Ok(())
}

/// Keeps what a record tells. One that can't be read is passed over: the log is no queue.
async fn keep(copies: &Copies, record: &Record) -> anyhow::Result<()> {
    match copies.handle(&record.message).await {
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
