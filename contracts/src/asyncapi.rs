//! The AsyncAPI 3.0 description of everything that goes over the broker, made from the catalogue.

use crate::{
    amqp::{CLOUDEVENTS_PREFIX, COMMANDS_EXCHANGE},
    event::Entry,
};
use serde_json::{Map, Value, json};

/// Describes every event, command and reply, and how it is routed.
#[must_use]
pub fn document(catalogue: &[Entry]) -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Vitrine messages",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Events of all services, and the commands and replies of sagas, as CloudEvents 1.0 in AMQP binary mode."
        },
        "defaultContentType": "application/json",
        "channels": channels(catalogue),
        "operations": operations(catalogue),
        "components": { "messages": messages(catalogue), "messageTraits": { "cloudevent": trait_() } }
    })
}

fn channels(catalogue: &[Entry]) -> Value {
    let channel = |entry: &Entry| {
        let value = json!({
            "address": entry.kind,
            "title": format!("Routing key of the exchange `{}`", entry.exchange),
            "messages": { entry.file_stem(): { "$ref": format!("#/components/messages/{}", entry.file_stem()) } },
            "bindings": { "amqp": {
                "is": "routingKey",
                "exchange": { "name": entry.exchange, "type": "topic", "durable": true }
            } }
        });
        (entry.kind.to_owned(), value)
    };
    Value::Object(catalogue.iter().map(channel).collect())
}

fn operations(catalogue: &[Entry]) -> Value {
    let operation = |entry: &Entry| {
        let owner = entry.kind.split('.').next().unwrap_or_default();
        let summary = match entry.exchange {
            COMMANDS_EXCHANGE => format!("A saga's command or reply `{}`, sent through the outbox.", entry.kind),
            _ => format!("{owner} publishes `{}` through its outbox.", entry.kind),
        };
        let value = json!({
            "action": "send",
            "summary": summary,
            "channel": { "$ref": format!("#/channels/{}", entry.kind) },
            "tags": [{ "name": owner }]
        });
        (format!("publish.{}", entry.kind), value)
    };
    Value::Object(catalogue.iter().map(operation).collect())
}

fn messages(catalogue: &[Entry]) -> Value {
    let message = |entry: &Entry| {
        let value = json!({
            "name": entry.kind,
            "contentType": "application/json",
            "traits": [{ "$ref": "#/components/messageTraits/cloudevent" }],
            "payload": {
                "schemaFormat": "application/schema+json;version=draft-2020-12",
                "schema": entry.schema
            }
        });
        (entry.file_stem(), value)
    };
    Value::Object(catalogue.iter().map(message).collect())
}

/// The headers that every message has.
fn trait_() -> Value {
    let header = |kind: &str, text: &str| json!({ "type": kind, "description": text });
    let attributes = [
        ("id", header("string", "UUIDv7; the same for every redelivery.")),
        ("specversion", json!({ "const": "1.0" })),
        ("source", header("string", "The owning unit.")),
        ("type", header("string", "The event type.")),
        ("subject", header("string", "The aggregate's id; one subject's events stay in order.")),
        ("time", header("string", "RFC 3339.")),
        ("dataschema", header("string", "urn:vitrine:event:<type>:v<major>.")),
        ("version", header("string", "The aggregate's version after the event.")),
        ("traceparent", header("string", "W3C trace context.")),
        ("causationid", header("string", "The event or command that caused this one.")),
        ("correlationid", header("string", "The request that began it all.")),
    ];
    let properties: Map<String, Value> =
        attributes.into_iter().map(|(name, schema)| (format!("{}{name}", CLOUDEVENTS_PREFIX), schema)).collect();
    json!({ "headers": { "type": "object", "properties": properties } })
}
