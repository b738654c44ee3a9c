//! What was published before a consumer's queues existed.

use super::{Consumer, HandleError, Handler};
use crate::stream::{Reader, Record, Start};
use contracts::amqp::EVENTS_LOG;
use futures::FutureExt as _;
use futures::future::{maybe_done, try_join_all};
use std::future::Future;
use std::pin::pin;
use std::slice;
use std::time::Duration;
use tokio::time::sleep;

/// How long the broker may take to bring to the log what it was routing, and how long the log must be silent to count
/// as read to its end.
const CALM: Duration = Duration::from_secs(1);

/// Remembers, in the store that a copy is kept in, which consumers have read the log.
pub trait History: Clone + Send + Sync + 'static {
    /// Whether the consumer of this name has read the log to its end.
    fn is_read(&self, consumer: &str) -> impl Future<Output = anyhow::Result<bool>> + Send;

    /// Notes that it has.
    fn note(&self, consumer: &str) -> impl Future<Output = anyhow::Result<()>> + Send;
}

impl<H: Handler> Consumer<H> {
    /// Reads what the log of events holds already, unless that was done before.
    pub(super) async fn read_history(&self, at_once: usize, history: &impl History) -> anyhow::Result<()> {
        let name = self.shared.subscription.name();
        if history.is_read(name).await? {
            return Ok(());
        }
        let read = self.catch_up(at_once).await?;
        history.note(name).await?;
        tracing::info!(consumer.name = name, log.read = read, "The log of events was read to its end.");
        Ok(())
    }

    /// Handles what the log of events holds already, up to so many events at once, whatever this consumer subscribes
    /// to. Tells how many events it read.
    ///
    /// A queue takes what is published once it is there. What came before is only in the log, which is read from its
    /// beginning to where it ended after the queues were declared: so every event is in the log, in the queues, or in
    /// both, and the handler must let the newest version win whatever their order. One that can't be read is passed
    /// over: the log is no queue. Silence is taken for its end only once what was the newest record has come.
    /// Fails when handling fails for a while: to be started again.
    pub async fn catch_up(&self, at_once: usize) -> anyhow::Result<usize> {
        self.declare().await?;
        sleep(CALM).await;
        let read_from = |start| Reader::open(&self.shared.broker, EVENTS_LOG, start);
        let (mut log, mut since, mut read) = (read_from(Start::First), read_from(Start::Next), 0);
        since.attach().await?;
        let newest = self.newest().await?;
        let mut next = pin!(maybe_done(since.next()));
        let mut last = None;
        loop {
            let Some(records) = log.next_many_or_end(at_once, CALM / 10, CALM).await? else {
                if last >= newest {
                    break;
                }
                continue;
            };
            last = records.last().map(|record| record.offset).max(last);
            try_join_all(records.iter().map(|record| self.keep(record))).await?;
            read += records.len();
            // What came since is in the queues. Without this a log that is never silent is read for ever.
            let _ = next.as_mut().now_or_never();
            if let (Some(last), Some(Ok(next))) = (last, next.as_mut().output_mut())
                && last + 1 >= next.offset
            {
                break;
            }
        }
        Ok(read)
    }

    /// A place at the end of the log; nothing when it is empty.
    async fn newest(&self) -> anyhow::Result<Option<u64>> {
        let mut end = Reader::open(&self.shared.broker, EVENTS_LOG, Start::Last);
        Ok(end.next_or_end(2 * CALM).await?.map(|record| record.offset))
    }

    async fn keep(&self, record: &Record) -> anyhow::Result<()> {
        match self.shared.handler.handle(slice::from_ref(&record.message)).await {
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
}
