//! The AsyncAPI 3.0 description of everything that goes over the broker, made from the catalogue.

use crate::{
    amqp::{CLOUDEVENT, COMMANDS_EXCHANGE, SUBJECT_HEADER},
    event::Entry,
};
use serde_json::{Value, json};

/// Describes every event, command and reply, and how it is routed.
#[must_use]
pub fn document(catalogue: &[Entry]) -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Vitrine messages",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Events of all services, and the commands and replies of sagas, as CloudEvents 1.0 in AMQP structured mode."
        },
        "defaultContentType": CLOUDEVENT,
        "channels": channels(catalogue),
        "operations": operations(catalogue),
        "components": {
            "messages": messages(catalogue),
            "messageTraits": { "cloudevent": trait_() },
            "schemas": { "cloudevent": cloudevent() }
        }
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
                "exchange": { "name": entry.exchange, "type": "direct", "durable": true }
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
            "contentType": CLOUDEVENT,
            "traits": [{ "$ref": "#/components/messageTraits/cloudevent" }],
            "payload": {
                "schemaFormat": "application/schema+json;version=draft-2020-12",
                "schema": event(entry)
            }
        });
        (entry.file_stem(), value)
    };
    Value::Object(catalogue.iter().map(message).collect())
}

/// An event with its data, whose schema has the name that the event gives it: references inside it mean itself.
fn event(entry: &Entry) -> Value {
    let mut data = entry.schema.clone();
    data.insert("$id".to_owned(), entry.dataschema.as_str().into());
    json!({
        "allOf": [{ "$ref": "#/components/schemas/cloudevent" }],
        "properties": { "type": { "const": entry.kind }, "dataschema": { "const": entry.dataschema }, "data": data }
    })
}

/// What every event has around its data.
fn cloudevent() -> Value {
    let text = |text: &str| json!({ "type": "string", "description": text });
    json!({
        "type": "object",
        "properties": {
            "specversion": { "const": "1.0" },
            "id": text("UUIDv7; the same for every redelivery."),
            "source": text("The owning unit."),
            "type": text("The event type."),
            "subject": text("The aggregate's id; one subject's events stay in order."),
            "time": text("RFC 3339."),
            "dataschema": text("urn:vitrine:event:<type>:v<major>."),
            "version": { "type": "integer", "description": "The aggregate's version after the event." },
            "traceparent": text("W3C trace context."),
            "causationid": text("The event or command that caused this one."),
            "correlationid": text("The request that began it all.")
        },
        "required": ["specversion", "id", "source", "type", "subject", "time", "dataschema", "version", "data"]
    })
}

/// The header that every message has.
fn trait_() -> Value {
    let subject = json!({ "type": "string", "description": "The event's subject; partitions are chosen by it." });
    json!({ "headers": { "type": "object", "properties": { SUBJECT_HEADER: subject } } })
}
