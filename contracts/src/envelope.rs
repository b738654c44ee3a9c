//! CloudEvents 1.0 around every event, with the extensions that ordering and tracing need.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The data of one kind of event.
///
/// A breaking change makes a new type with the next [`VERSION`](EventData::VERSION); the old one
/// stays as long as a message or golden sample of it may exist.
pub trait EventData: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The CloudEvents `type`, which is also the routing key, for example `shortener.url.created`.
    const TYPE: &'static str;
    /// The major version of the data's schema, from 1.
    const VERSION: u32;

    /// The identifier of the data's schema, for the CloudEvents attribute `dataschema`.
    #[must_use]
    fn schema() -> String {
        format!("urn:vitrine:event:{}:v{}", Self::TYPE, Self::VERSION)
    }
}

/// One event: the attributes of CloudEvents 1.0, our extensions, and the data.
///
/// In JSON it is what the CloudEvents JSON event format 1.0 describes, its `specversion` included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "specversion", rename = "1.0")]
pub struct Event<T> {
    /// Identifies the event for ever: a redelivery or a redrive has the same one (UUIDv7).
    pub id: Uuid,
    /// The unit that owns the event, for example `shortener`.
    pub source: String,
    /// The kind of event, for example `shortener.url.created`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id of the aggregate that the event is about; events with one subject stay in order.
    pub subject: String,
    /// When it happened, by the owner's clock.
    pub time: DateTime<Utc>,
    /// The schema of the data: see [`EventData::schema`].
    pub dataschema: String,
    /// The version of the aggregate after this event, from 1, without gaps.
    pub version: u64,
    /// The W3C trace context in which the event was made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub traceparent: Option<String>,
    /// The id of the event or command that caused this one.
    #[serde(rename = "causationid", skip_serializing_if = "Option::is_none", default)]
    pub causation_id: Option<Uuid>,
    /// The id of the request that began it all.
    #[serde(rename = "correlationid", skip_serializing_if = "Option::is_none", default)]
    pub correlation_id: Option<String>,
    pub data: T,
}

/// An event whose data has not been decoded yet.
pub type Envelope = Event<Box<serde_json::value::RawValue>>;

impl<T: EventData> Event<T> {
    /// Makes an event about `subject`, now, as the aggregate's `version`.
    #[must_use]
    pub fn new(subject: impl Into<String>, version: u64, data: T) -> Self {
        let source = T::TYPE.split('.').next().unwrap_or(T::TYPE);
        Self {
            id: Uuid::now_v7(),
            source: source.to_owned(),
            kind: T::TYPE.to_owned(),
            subject: subject.into(),
            time: Utc::now(),
            dataschema: T::schema(),
            version,
            traceparent: None,
            causation_id: None,
            correlation_id: None,
            data,
        }
    }

    /// Encodes the data, leaving the attributes as they are.
    pub fn encode(self) -> serde_json::Result<Envelope> {
        let data = serde_json::value::to_raw_value(&self.data)?;
        Ok(self.with_data(data))
    }
}

impl Envelope {
    /// Decodes the data as `T`.
    ///
    /// # Errors
    /// Fails when type, schema version or data are not those of `T`.
    pub fn decode<T: EventData>(self) -> Result<Event<T>, DecodeError> {
        let data = self.view::<T, T>()?;
        Ok(self.with_data(data))
    }

    /// Reads of `T`'s data only what `V` has; the rest is passed over unread.
    ///
    /// # Errors
    /// Fails when type or schema version are not those of `T`, or the data does not fit `V`.
    pub fn view<'a, T: EventData, V: Deserialize<'a>>(&'a self) -> Result<V, DecodeError> {
        if self.kind != T::TYPE || self.dataschema != T::schema() {
            return Err(DecodeError::Unexpected { expected: T::schema(), found: self.dataschema.clone() });
        }
        Ok(serde_json::from_str(self.data.get())?)
    }
}

impl<T> Event<T> {
    /// The same event around other data.
    fn with_data<U>(self, data: U) -> Event<U> {
        Event {
            id: self.id,
            source: self.source,
            kind: self.kind,
            subject: self.subject,
            time: self.time,
            dataschema: self.dataschema,
            version: self.version,
            traceparent: self.traceparent,
            causation_id: self.causation_id,
            correlation_id: self.correlation_id,
            data,
        }
    }
}

/// Why an envelope's data could not be decoded.
#[derive(Debug)]
pub enum DecodeError {
    /// The envelope holds another type or schema version.
    Unexpected {
        /// The schema that was asked for.
        expected: String,
        /// The schema that the envelope names.
        found: String,
    },
    /// The data does not fit its schema.
    Data(serde_json::Error),
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unexpected { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::Data(error) => write!(f, "data does not fit its schema: {error}"),
        }
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unexpected { .. } => None,
            Self::Data(error) => Some(error),
        }
    }
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Data(error)
    }
}
