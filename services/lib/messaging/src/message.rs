//! A message that came, and one that is to go.

use crate::HandleError;
use chassis::http::RequestId;
use chassis::{Scope, cause, telemetry};
use contracts::amqp::{COMMANDS_EXCHANGE, EVENTS_EXCHANGE};
use contracts::command::{Command, Replied};
use contracts::envelope::{Envelope, Event, EventData};
use serde::Deserialize;
use std::ops::Deref;
use tracing::Span;

/// A message that came from a queue or a stream; derefs to its [`Envelope`].
#[derive(Debug, Clone)]
pub struct Message {
    envelope: Envelope,
    /// How many times it has been through the retry schedule; 0 the first time.
    pub attempt: u32,
    /// Whether the broker delivered it before and saw no acknowledgement.
    pub redelivered: bool,
    /// In which it is dealt with.
    span: Span,
}

impl Message {
    pub(crate) fn new(envelope: Envelope, attempt: u32, redelivered: bool) -> Self {
        Self { envelope, attempt, redelivered, span: Span::none() }
    }

    /// Has it dealt with in `span`.
    pub(crate) fn within(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// In which it is dealt with.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Decodes the data as `T`.
    /// Fails permanently when type, schema version or data are not those of `T`.
    pub fn decode<T: EventData>(&self) -> Result<Event<T>, HandleError> {
        self.envelope.clone().decode::<T>().map_err(HandleError::permanent)
    }

    /// Reads of `T`'s data only what `V` has: for large events of which little is needed.
    /// Fails permanently when type or schema version are not those of `T`, or the data does not fit `V`.
    pub fn view<'a, T: EventData, V: Deserialize<'a>>(&'a self) -> Result<V, HandleError> {
        self.envelope.view::<T, V>().map_err(HandleError::permanent)
    }

    /// Runs `work` as caused by this message: what it sends carries the message's trace, and its ids as those of
    /// cause and correlation. [`Handler::handle`](crate::Handler::handle) runs so for a batch of one; for a larger one it
    /// says itself of which message each part of its work is.
    pub async fn scope<F: Future>(&self, work: F) -> F::Output {
        let request = Scope::of(self.correlation_id.as_deref(), self.span.clone());
        request.caused_by(self.id).run(work).await
    }
}

impl Deref for Message {
    type Target = Envelope;

    fn deref(&self) -> &Envelope {
        &self.envelope
    }
}

/// A message that is to be published.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The exchange that it goes to.
    pub exchange: String,
    /// The key that it is routed by.
    pub routing_key: String,
    /// The message itself; its subject is the key of ordering.
    pub envelope: Envelope,
}

impl Outgoing {
    /// Addresses an event: exchange [`EVENTS_EXCHANGE`], routed by its type.
    pub fn event<T: EventData>(event: Event<T>) -> serde_json::Result<Self> {
        Ok(Self::envelope(event.encode()?))
    }

    /// Addresses an event whose data is encoded already.
    #[must_use]
    pub fn envelope(envelope: Envelope) -> Self {
        let routing_key = envelope.kind.clone();
        Self { exchange: EVENTS_EXCHANGE.to_owned(), routing_key, envelope }
    }

    /// Addresses a command: exchange [`COMMANDS_EXCHANGE`], routed by its type, about its saga.
    pub fn command<T: Command>(command: T) -> serde_json::Result<Self> {
        let (saga, attempt) = (command.step().saga_id, command.step().attempt);
        let envelope = Event::new(saga.to_string(), attempt.into(), command).encode()?;
        Ok(Self { exchange: COMMANDS_EXCHANGE.to_owned(), ..Self::envelope(envelope) })
    }

    /// Addresses a reply to where its command wants it.
    pub fn reply(reply: Replied) -> serde_json::Result<Self> {
        let (saga, attempt) = (reply.step.saga_id, reply.step.attempt);
        let routing_key = reply.step.reply_to.clone();
        let envelope = Event::new(saga.to_string(), attempt.into(), reply).encode()?;
        Ok(Self { exchange: COMMANDS_EXCHANGE.to_owned(), routing_key, envelope })
    }

    /// Fills in where it comes from, where that is not set: the current trace, request and message. Writing it into
    /// an outbox does so, too.
    #[must_use]
    pub fn with_origin(mut self) -> Self {
        let envelope = &mut self.envelope;
        envelope.traceparent = envelope.traceparent.take().or_else(telemetry::traceparent);
        envelope.correlation_id =
            envelope.correlation_id.take().or_else(|| RequestId::current().map(|id| id.as_str().to_owned()));
        envelope.causation_id = envelope.causation_id.or_else(cause);
        self
    }
}

impl<T: EventData> TryFrom<Event<T>> for Outgoing {
    type Error = serde_json::Error;

    fn try_from(event: Event<T>) -> serde_json::Result<Self> {
        Self::event(event)
    }
}
