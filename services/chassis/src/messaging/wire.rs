//! CloudEvents 1.0 in AMQP binary mode: attributes as headers, the data as the body.

use contracts::{amqp::CLOUDEVENTS_PREFIX, envelope::Envelope};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, LongString, ShortString},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, str::FromStr};

/// The header that holds an event's subject; partitions are chosen by its hash.
pub(super) const SUBJECT_HEADER: &str = "cloudEvents_subject";
/// How many times the message has been up the retry ladder.
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
    #[error("header {0} is missing")]
    Missing(&'static str),
    #[error("header {name} is malformed: {value:?}")]
    Malformed { name: &'static str, value: String },
    #[error("the body is not JSON: {0}")]
    Body(#[from] serde_json::Error),
    #[error("the body is not UTF-8: {0}")]
    Utf8(#[from] std::string::FromUtf8Error),
}

/// A message as AMQP carries it.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

impl Frame {
    /// Writes an event.
    pub(super) fn of(envelope: &Envelope) -> Self {
        let mut headers = FieldTable::default();
        let mut put = |name: &str, value: &str| {
            let name = ShortString::from(format!("{CLOUDEVENTS_PREFIX}{name}"));
            headers.insert(name, AMQPValue::LongString(value.into()));
        };
        let id = envelope.id.to_string();
        put("specversion", "1.0");
        put("id", &id);
        put("source", &envelope.source);
        put("type", &envelope.kind);
        put("subject", &envelope.subject);
        put("time", &envelope.time.to_rfc3339());
        put("dataschema", &envelope.dataschema);
        put("version", &envelope.version.to_string());
        if let Some(traceparent) = &envelope.traceparent {
            put("traceparent", traceparent);
        }
        if let Some(cause) = &envelope.causation_id {
            put("causationid", &cause.to_string());
        }
        if let Some(correlation) = &envelope.correlation_id {
            put("correlationid", correlation);
        }
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(id.into())
            .with_headers(headers);
        Self { properties, body: envelope.data.get().as_bytes().to_vec() }
    }

    /// Takes over a delivery, without the broker's own notes: its `x-death` would make it drop a
    /// message that comes by the same delay queue twice, taking that for a loop.
    pub(super) fn forward(properties: &BasicProperties, body: Vec<u8>) -> Self {
        let mut table = headers(properties);
        table.retain(|name, _| !name.as_str().starts_with("x-"));
        let table = FieldTable::from(table);
        Self { properties: properties.clone().with_headers(table).with_delivery_mode(PERSISTENT), body }
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

/// How many times a delivery has been up the retry ladder.
pub(super) fn attempt(properties: &BasicProperties) -> u32 {
    number(properties, ATTEMPT).and_then(|attempt| attempt.try_into().ok()).unwrap_or(0)
}

/// Reads an event.
pub(super) fn envelope(properties: &BasicProperties, body: Vec<u8>) -> Result<Envelope, WireError> {
    let data = RawValue::from_string(String::from_utf8(body)?)?;
    Ok(Envelope {
        id: parse(properties, "cloudEvents_id")?,
        source: required(properties, "cloudEvents_source")?,
        kind: required(properties, "cloudEvents_type")?,
        subject: required(properties, SUBJECT_HEADER)?,
        time: parse(properties, "cloudEvents_time")?,
        dataschema: required(properties, "cloudEvents_dataschema")?,
        version: parse(properties, "cloudEvents_version")?,
        traceparent: text(properties, "cloudEvents_traceparent"),
        causation_id: text(properties, "cloudEvents_causationid").and_then(|id| id.parse().ok()),
        correlation_id: text(properties, "cloudEvents_correlationid"),
        data,
    })
}

fn required(properties: &BasicProperties, name: &'static str) -> Result<String, WireError> {
    text(properties, name).ok_or(WireError::Missing(name))
}

fn parse<T: FromStr>(properties: &BasicProperties, name: &'static str) -> Result<T, WireError> {
    let value = required(properties, name)?;
    value.parse().map_err(|_| WireError::Malformed { name, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{SubsecRound, Utc};
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
        let frame = Frame::of(&written);
        let read = envelope(&frame.properties, frame.body).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), serde_json::to_value(written).unwrap());
    }

    #[test]
    fn a_header_that_is_missing_is_named() {
        let frame = Frame::of(&event()).without("cloudEvents_type");
        let error = envelope(&frame.properties, frame.body).unwrap_err();
        assert_eq!(error.to_string(), "header cloudEvents_type is missing");
    }

    #[test]
    fn forwarding_keeps_the_event_and_drops_the_brokers_notes() {
        let frame = Frame::of(&event()).with("x-first-death-reason", "expired").with(ATTEMPT, "2");
        let forwarded = Frame::forward(&frame.properties, frame.body);
        assert_eq!(attempt(&forwarded.properties), 2);
        assert_eq!(text(&forwarded.properties, "x-first-death-reason"), None);
        assert!(envelope(&forwarded.properties, forwarded.body).is_ok());
    }
}
