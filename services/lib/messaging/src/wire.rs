//! CloudEvents 1.0 in AMQP structured mode: the body is the whole event, as the outbox has it.
//!
//! The broker reads and writes the headers of a message at every exchange and queue on its way; a body it does not
//! look at. So there is one header, the one that partitions are chosen by.

use contracts::amqp::{CLOUDEVENT, SUBJECT_HEADER};
use contracts::envelope::Envelope;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use std::collections::BTreeMap;

/// How many times the message has been through the retry schedule.
pub(super) const ATTEMPT: &str = "retry-attempt";
/// Why the message is a dead letter.
pub(super) const REASON: &str = "dead-letter-reason";
/// When it became one (RFC 3339).
pub(super) const DIED_AT: &str = "dead-letter-at";
/// Who had it delivered again.
pub(super) const REDRIVEN_BY: &str = "redriven-by";

/// AMQP's delivery mode for messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

/// Why a delivery is not one of our events.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the content type is {0:?}, not that of a CloudEvent in JSON")]
    ContentType(String),
    #[error("the body is not an event: {0}")]
    Body(#[from] serde_json::Error),
}

/// A message as AMQP carries it.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

impl Frame {
    /// Carries an event that is written as JSON already.
    pub(super) fn written(id: &str, subject: &str, event: impl Into<Vec<u8>>) -> Self {
        let mut headers = FieldTable::default();
        headers.insert(SUBJECT_HEADER.into(), AMQPValue::LongString(subject.into()));
        let properties = BasicProperties::default()
            .with_content_type(CLOUDEVENT.into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(id.into())
            .with_headers(headers);
        Self { properties, body: event.into() }
    }

    /// Writes an event.
    pub(super) fn of(event: &Envelope) -> serde_json::Result<Self> {
        Ok(Self::written(&event.id.to_string(), &event.subject, serde_json::to_vec(event)?))
    }

    /// Takes over a delivery, without the broker's own notes: its `x-death` would make it drop a
    /// message that comes by the same delay queue twice, taking that for a loop.
    pub(super) fn forward(delivery: &Delivery) -> Self {
        let properties = without_notes(&delivery.properties).with_delivery_mode(PERSISTENT);
        Self { properties, body: delivery.data.clone() }
    }

    /// Adds or replaces a header.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let mut table = self.properties.headers().clone().unwrap_or_default();
        table.insert(name.into(), AMQPValue::LongString(value.into()));
        self.properties = self.properties.with_headers(table);
        self
    }

    /// Removes a header.
    pub(super) fn without(mut self, name: &str) -> Self {
        let mut table = headers(&self.properties);
        table.retain(|key, _| key.as_str() != name);
        self.properties = self.properties.with_headers(table.into());
        self
    }

    /// The id under which the broker returns it.
    pub(super) fn message_id(&self) -> &str {
        self.properties.message_id().as_ref().map_or("", ShortString::as_str)
    }
}

fn without_notes(properties: &BasicProperties) -> BasicProperties {
    let mut table = headers(properties);
    table.retain(|name, _| !name.as_str().starts_with("x-"));
    properties.clone().with_headers(table.into())
}

fn headers(properties: &BasicProperties) -> BTreeMap<ShortString, AMQPValue> {
    properties.headers().as_ref().map(|table| table.inner().clone()).unwrap_or_default()
}

/// The header `name` as text.
pub(super) fn text(properties: &BasicProperties, name: &str) -> Option<String> {
    let value = properties.headers().as_ref()?.inner().get(name)?;
    match value {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// The header `name` as a whole number.
pub(super) fn number(properties: &BasicProperties, name: &str) -> Option<i64> {
    let value = properties.headers().as_ref()?.inner().get(name)?;
    match value {
        AMQPValue::LongLongInt(number) => Some(*number),
        AMQPValue::LongInt(number) => Some((*number).into()),
        AMQPValue::LongString(text) => std::str::from_utf8(LongString::as_bytes(text)).ok()?.parse().ok(),
        _ => None,
    }
}

/// How many times a delivery has been through the retry schedule.
pub(super) fn attempt(properties: &BasicProperties) -> u32 {
    number(properties, ATTEMPT).and_then(|attempt| attempt.try_into().ok()).unwrap_or(0)
}

/// Reads an event.
pub(super) fn envelope(properties: &BasicProperties, body: &[u8]) -> Result<Envelope, WireError> {
    let content_type = properties.content_type().as_ref().map_or("", ShortString::as_str);
    if !content_type.starts_with(CLOUDEVENT) {
        return Err(WireError::ContentType(content_type.to_owned()));
    }
    Ok(serde_json::from_slice(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{SubsecRound, Utc};
    use serde_json::value::RawValue;
    use uuid::Uuid;

    fn event() -> Envelope {
        Envelope {
            id: Uuid::now_v7(),
            source: "test".into(),
            kind: "test.thing.made".into(),
            subject: "thing-1".into(),
            time: Utc::now().trunc_subsecs(6),
            dataschema: "urn:vitrine:event:test.thing.made:v1".into(),
            version: 7,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            causation_id: Some(Uuid::now_v7()),
            correlation_id: None,
            data: RawValue::from_string(r#"{"name":"é"}"#.into()).unwrap(),
        }
    }

    #[test]
    fn an_event_reads_as_it_was_written() {
        let written = event();
        let frame = Frame::of(&written).unwrap();
        let read = envelope(&frame.properties, &frame.body).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), serde_json::to_value(written).unwrap());
    }

    #[test]
    fn an_event_is_written_as_cloudevents_says() {
        let frame = Frame::of(&event()).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&frame.body).unwrap();
        assert_eq!(body["specversion"], "1.0");
        assert_eq!(text(&frame.properties, "cloudEvents_subject").as_deref(), body["subject"].as_str());
        // Names of attributes are lower-case letters and digits.
        let is_name = |name: &String| name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
        assert!(body.as_object().unwrap().keys().all(is_name), "{body}");
    }

    #[test]
    fn what_is_not_an_event_says_why() {
        let Frame { properties, .. } = Frame::of(&event()).unwrap();
        let why = |properties: &BasicProperties, body: &[u8]| envelope(properties, body).unwrap_err().to_string();
        let html = properties.clone().with_content_type("text/html".into());
        assert_eq!(why(&html, b"{}"), "the content type is \"text/html\", not that of a CloudEvent in JSON");
        assert!(why(&properties, b"{}").contains("missing field `id`"));
        assert!(why(&properties, b"\xff").starts_with("the body is not an event"));
    }

    #[test]
    fn forwarding_keeps_the_event_and_drops_the_brokers_notes() {
        let frame = Frame::of(&event()).unwrap().with("x-first-death-reason", "expired").with(ATTEMPT, "2");
        let forwarded = without_notes(&frame.properties);
        assert_eq!(attempt(&forwarded), 2);
        assert_eq!(text(&forwarded, "x-first-death-reason"), None);
        assert!(envelope(&forwarded, &frame.body).is_ok());
    }
}
