//! Reading a stream from where one stopped.

use crate::broker::answer;
use crate::subscribed::Subscribed;
use crate::{Broker, Message, delays, wire};
use anyhow::Context as _;
use futures::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long to wait before a stream whose end is wanted is opened again.
const RETRY: Duration = Duration::from_millis(250);

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest message that is kept.
    First,
    /// With the newest messages that are kept, of those the oldest that the broker wrote together with the newest.
    Last,
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
    /// The stream has nothing at or after the offset that it was read up to: it was deleted, or lost
    /// its end when the broker's machine crashed. What comes next has offsets that were used before.
    #[error("the stream ends before offset {expected}, up to which it was read: it is not what it was")]
    Rewound {
        /// The offset that the stream was read up to.
        expected: u64,
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
    doubt: Duration,
    open: Option<Open>,
}

/// A subscription to the stream.
struct Open {
    deliveries: lapin::Consumer,
    /// Until when the record at [`Start::After`] must have come again.
    proof: Option<Instant>,
    /// Held for what dropping it does.
    _channel: Subscribed,
}

impl Reader {
    /// Names the stream; opens it at the first read.
    pub fn open(broker: &Broker, stream: impl Into<String>, start: Start) -> Self {
        let (broker, stream) = (broker.clone(), stream.into());
        Self { broker, stream, start, prefetch: 100, doubt: Duration::from_secs(30), open: None }
    }

    /// Opens the stream now instead of at the first read: with [`Start::Next`], what is published from then on is read.
    pub async fn attach(&mut self) -> anyhow::Result<()> {
        if self.open.is_none() {
            self.open = Some(self.subscribe().await?);
        }
        Ok(())
    }

    /// Whether the broker was delivering when last looked at. Between reads only: a connection that
    /// is lost shows at the next one.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.open.is_some()
    }

    /// Sets how many messages are fetched ahead (100).
    #[must_use]
    pub fn prefetch(mut self, prefetch: u16) -> Self {
        self.prefetch = prefetch.max(1);
        self
    }

    /// Sets how long a stream may keep silent about the record that was read last before it counts as rewound (30 s).
    #[must_use]
    pub fn doubt(mut self, doubt: Duration) -> Self {
        self.doubt = doubt;
        self
    }

    /// Waits for the next record, however long it takes. Safe to cancel.
    pub async fn next(&mut self) -> Result<Record, StreamError> {
        let mut delays = delays();
        loop {
            let error = match self.receive().await {
                Ok(Some(found)) => return found,
                Ok(None) => continue,
                Err(error) => error,
            };
            self.open = None;
            tracing::warn!(
                stream.name = self.stream,
                error = format!("{error:#}"),
                "Reading a stream was interrupted and will be resumed."
            );
            sleep(delays.next().unwrap_or_default()).await;
        }
    }

    /// Waits for the next record; `None` at the end of the stream, which is reached when the stream has been silent for
    /// so long. Silence says something only while the broker would speak: a stream that cannot be read has no end.
    /// Safe to cancel.
    pub async fn next_or_end(&mut self, silence: Duration) -> Result<Option<Record>, StreamError> {
        loop {
            self.attach_in_time().await;
            if let Ok(record) = timeout(silence, self.next()).await {
                return record.map(Some);
            }
            if self.is_attached() && self.broker.probe().await.is_ok() {
                return Ok(None);
            }
        }
    }

    /// Waits for at least one record, then takes what comes within `patience`, up to `limit`.
    /// Safe to cancel only when the records are read again: cancelled, it drops what it holds.
    pub async fn next_many(&mut self, limit: usize, patience: Duration) -> Result<Vec<Record>, StreamError> {
        let first = self.next().await?;
        Ok(self.followed(first, limit, patience).await)
    }

    /// As [`Self::next_many`]; `None` at the end of the stream, as [`Self::next_or_end`] tells it.
    pub async fn next_many_or_end(
        &mut self,
        limit: usize,
        patience: Duration,
        silence: Duration,
    ) -> Result<Option<Vec<Record>>, StreamError> {
        let Some(first) = self.next_or_end(silence).await? else { return Ok(None) };
        Ok(Some(self.followed(first, limit, patience).await))
    }

    /// A record and those that come within `patience` after it.
    async fn followed(&mut self, first: Record, limit: usize, patience: Duration) -> Vec<Record> {
        let mut records = vec![first];
        let until = Instant::now() + patience;
        while records.len() < limit {
            match timeout_at(until, self.next()).await {
                Ok(Ok(record)) => records.push(record),
                // The error comes again with the next call.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        records
    }

    /// Opens the stream where it is not open, however long that takes: a read that is cut short again and again might
    /// never get as far.
    async fn attach_in_time(&mut self) {
        while let Err(error) = self.attach().await {
            tracing::debug!(stream.name = self.stream, error = format!("{error:#}"), "A stream cannot be opened yet.");
            sleep(RETRY).await;
        }
    }

    /// Takes one delivery; `None` when it is to be skipped.
    async fn receive(&mut self) -> anyhow::Result<Option<Result<Record, StreamError>>> {
        self.attach().await?;
        let open = self.open.as_mut().context("the stream is not open")?;
        let next = match open.proof {
            None => open.deliveries.next().await,
            Some(proof) => match timeout_at(proof, open.deliveries.next()).await {
                Ok(next) => next,
                Err(_) => {
                    self.open = None;
                    return Ok(self.after().map(|expected| Err(StreamError::Rewound { expected })));
                }
            },
        };
        let delivery = next.context("the broker cancelled the subscription")??;
        open.proof = None;
        let offset = wire::number(&delivery.properties, "x-stream-offset")
            .and_then(|offset| u64::try_from(offset).ok())
            .context("a record has no offset")?;
        // Only makes room for the next one: a stream forgets nothing. One poll sends it off; waiting
        // for it to leave would be a place where a cancelled read loses the record.
        let _ = delivery.ack(BasicAckOptions::default()).now_or_never();
        match self.after() {
            // Offsets only go back when the stream is another one: its records must not be skipped.
            Some(last) if offset < last => {
                self.open = None;
                return Ok(Some(Err(StreamError::Rewound { expected: last })));
            }
            Some(last) if offset == last => return Ok(None),
            _ => {}
        }
        self.start = Start::After(offset);
        Ok(self.read(offset, &delivery).map(Ok))
    }

    fn after(&self) -> Option<u64> {
        match self.start {
            Start::After(last) => Some(last),
            Start::First | Start::Last | Start::Next => None,
        }
    }

    fn read(&self, offset: u64, delivery: &Delivery) -> Option<Record> {
        match wire::envelope(&delivery.properties, &delivery.data) {
            Ok(envelope) => Some(Record { offset, message: Message::new(envelope, 0, false) }),
            Err(error) => {
                tracing::error!(stream.name = self.stream, stream.offset = offset, error = %error, "A record is not an event and is skipped.");
                None
            }
        }
    }

    /// Subscribes from the record that was read last, not from the one after it: from beyond its end
    /// a stream sends nothing, be it idle or another one by now, and that record tells which.
    async fn subscribe(&self) -> anyhow::Result<Open> {
        let channel = Subscribed::on(self.broker.channel().await?);
        answer(channel.basic_qos(self.prefetch, BasicQosOptions::default())).await?;
        let offset = match self.start {
            Start::First => AMQPValue::LongString("first".into()),
            Start::Last => AMQPValue::LongString("last".into()),
            Start::Next => AMQPValue::LongString("next".into()),
            Start::After(last) => AMQPValue::LongLongInt(last.try_into()?),
        };
        let mut arguments = FieldTable::default();
        arguments.insert("x-stream-offset".into(), offset);
        let (stream, options) = (self.stream.as_str().into(), BasicConsumeOptions::default());
        let deliveries = answer(channel.basic_consume(stream, "".into(), options, arguments)).await?;
        let proof = self.after().map(|_| Instant::now() + self.doubt);
        Ok(Open { deliveries, proof, _channel: channel })
    }
}
