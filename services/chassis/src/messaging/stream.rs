//! Reading a stream from where one stopped.

use super::{Broker, Message, delays, wire};
use anyhow::Context as _;
use futures::StreamExt;
use lapin::{
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest message that is kept.
    First,
    /// With the first message after this offset.
    After(u64),
    /// With what is published from now on.
    Next,
}

/// A message and its place in the stream.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its offset: grows along the stream, with gaps.
    pub offset: u64,
    /// The message.
    pub message: Message,
}

/// Why a stream cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The stream ends before the offset that it was read up to: it was deleted, or lost its end
    /// when the broker's machine crashed.
    #[error("the stream continues at offset {found}, before {expected}: it is not what it was")]
    Rewound {
        /// The first offset that may come.
        expected: u64,
        /// The offset that came.
        found: u64,
    },
}

/// Reads a stream in order. It resumes by itself after the last record that it handed out when the
/// connection is lost; what was handled is for the caller to store, beside the effect.
///
/// What is not one of our events is skipped and logged.
pub struct Reader {
    broker: Broker,
    stream: String,
    start: Start,
    prefetch: u16,
    deliveries: Option<lapin::Consumer>,
    /// What was delivered and not handed out yet: stays here when a read is cancelled midway.
    held: Option<(u64, Delivery)>,
}

impl Reader {
    /// Names the stream; opens it at the first read.
    pub fn open(broker: &Broker, stream: impl Into<String>, start: Start) -> Self {
        Self { broker: broker.clone(), stream: stream.into(), start, prefetch: 100, deliveries: None, held: None }
    }

    /// Opens the stream now instead of at the first read: with [`Start::Next`], what is published
    /// from then on is read.
    ///
    /// # Errors
    /// Fails when the broker is away or there is no such stream.
    pub async fn attach(&mut self) -> anyhow::Result<()> {
        if self.deliveries.is_none() {
            self.deliveries = Some(self.subscribe().await?);
        }
        Ok(())
    }

    /// Whether the broker was delivering when last looked at. Between reads only: a connection that
    /// is lost shows at the next one.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.deliveries.is_some()
    }

    /// Sets how many messages are fetched ahead (100).
    #[must_use]
    pub fn prefetch(mut self, prefetch: u16) -> Self {
        self.prefetch = prefetch.max(1);
        self
    }

    /// Waits for the next record, however long it takes. Safe to cancel.
    ///
    /// # Errors
    /// Fails when the stream is not what it was.
    pub async fn next(&mut self) -> Result<Record, StreamError> {
        let mut delays = delays();
        loop {
            let error = match self.receive().await {
                Ok(Some(found)) => return found,
                Ok(None) => continue,
                Err(error) => error,
            };
            self.deliveries = None;
            tracing::warn!(
                stream.name = self.stream,
                error = format!("{error:#}"),
                "Reading a stream was interrupted and will be resumed."
            );
            sleep(delays.next().unwrap_or_default()).await;
        }
    }

    /// Waits for at least one record, then takes what comes within `patience`, up to `limit`.
    /// Safe to cancel only when the records are read again: cancelled, it drops what it holds.
    ///
    /// # Errors
    /// Fails when the stream is not what it was and nothing was read before.
    pub async fn next_many(&mut self, limit: usize, patience: Duration) -> Result<Vec<Record>, StreamError> {
        let mut records = vec![self.next().await?];
        let until = Instant::now() + patience;
        while records.len() < limit {
            match timeout_at(until, self.next()).await {
                Ok(Ok(record)) => records.push(record),
                // The error comes again with the next call.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        Ok(records)
    }

    /// Takes one delivery; `None` when it is to be skipped.
    async fn receive(&mut self) -> anyhow::Result<Option<Result<Record, StreamError>>> {
        if self.held.is_none() {
            self.attach().await?;
            let deliveries = self.deliveries.as_mut().context("the stream is not open")?;
            let delivery = deliveries.next().await.context("the broker cancelled the subscription")??;
            let offset = wire::number(&delivery.properties, "x-stream-offset")
                .and_then(|offset| u64::try_from(offset).ok())
                .context("a record has no offset")?;
            if let Start::After(last) = self.start
                && offset <= last
            {
                self.deliveries = None;
                return Ok(Some(Err(StreamError::Rewound { expected: last + 1, found: offset })));
            }
            self.held = Some((offset, delivery));
        }
        // Only makes room for the next one: a stream forgets nothing. Acknowledging again what a
        // cancelled read acknowledged is harmless.
        if let Some((_, delivery)) = &self.held {
            delivery.ack(BasicAckOptions::default()).await?;
        }
        let (offset, delivery) = self.held.take().context("nothing was delivered")?;
        self.start = Start::After(offset);
        Ok(self.read(offset, delivery).map(Ok))
    }

    fn read(&self, offset: u64, delivery: Delivery) -> Option<Record> {
        match wire::envelope(&delivery.properties, delivery.data) {
            Ok(envelope) => Some(Record { offset, message: Message::new(envelope, 0, false) }),
            Err(error) => {
                tracing::error!(stream.name = self.stream, stream.offset = offset, error = %error, "A record is not an event and is skipped.");
                None
            }
        }
    }

    async fn subscribe(&self) -> anyhow::Result<lapin::Consumer> {
        let channel = self.broker.channel().await?;
        channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        let offset = match self.start {
            Start::First => AMQPValue::LongString("first".into()),
            Start::Next => AMQPValue::LongString("next".into()),
            Start::After(last) => AMQPValue::LongLongInt(i64::try_from(last)? + 1),
        };
        let mut arguments = FieldTable::default();
        arguments.insert("x-stream-offset".into(), offset);
        let (stream, options) = (self.stream.as_str().into(), BasicConsumeOptions::default());
        Ok(channel.basic_consume(stream, "".into(), options, arguments).await?)
    }
}
