//! The AsyncAPI 3.1 description of everything that goes over the broker, made from the catalogue.

use crate::amqp::{CLOUDEVENT, COMMANDS_EXCHANGE, SUBJECT_HEADER};
use crate::command::Replied;
use crate::envelope::EventData;
use crate::event::Entry;
use serde_json::{Map, Value, json};

/// Describes every event, command and reply, and how it is routed.
///
/// # Panics
/// Panics when two messages define one name differently.
#[must_use]
pub fn document(catalogue: &[Entry]) -> Value {
    let mut schemas = Map::from_iter([("cloudevent".to_owned(), cloudevent())]);
    let messages = messages(catalogue, &mut schemas);
    json!({
        "asyncapi": "3.1.0",
        "info": {
            "title": "Vitrine messages",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Events of all services, and the commands and replies of sagas, as CloudEvents 1.0 in AMQP structured mode."
        },
        "defaultContentType": CLOUDEVENT,
        "channels": channels(catalogue),
        "operations": operations(catalogue),
        "components": {
            "messages": messages,
            "messageTraits": { "cloudevent": trait_() },
            "schemas": schemas
        }
    })
}

fn channels(catalogue: &[Entry]) -> Value {
    let channel = |entry: &Entry| {
        let mut value = json!({
            "address": entry.kind,
            "title": format!("Routing key of the exchange `{}`", entry.exchange),
            "messages": { entry.file_stem(): { "$ref": format!("#/components/messages/{}", entry.file_stem()) } },
            "bindings": { "amqp": {
                "is": "routingKey",
                "exchange": { "name": entry.exchange, "type": "direct", "durable": true }
            } }
        });
        // A reply is routed by the key that its command names, not by its type.
        if entry.kind == Replied::TYPE {
            value["address"] = "{unit}.saga.replied".into();
            value["parameters"] = json!({ "unit": { "description": "The unit that runs the saga." } });
        }
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

/// The messages. What their schemas define goes to `schemas`.
fn messages(catalogue: &[Entry], schemas: &mut Map<String, Value>) -> Value {
    let message = |entry: &Entry| {
        let value = json!({
            "name": entry.kind,
            "contentType": CLOUDEVENT,
            "traits": [{ "$ref": "#/components/messageTraits/cloudevent" }],
            "payload": {
                "schemaFormat": "application/schema+json;version=draft-2020-12",
                "schema": event(entry, schemas)
            }
        });
        (entry.file_stem(), value)
    };
    Value::Object(catalogue.iter().map(message).collect())
}

/// An event with its data. What the data's schema defines moves to `schemas`: references lead from the document's root.
fn event(entry: &Entry, schemas: &mut Map<String, Value>) -> Value {
    let mut data = rerooted(entry.schema.as_value());
    if let Some(Value::Object(definitions)) = data.as_object_mut().and_then(|data| data.remove("$defs")) {
        for (name, definition) in definitions {
            let known = schemas.insert(name.clone(), definition.clone());
            assert!(known.is_none_or(|known| known == definition), "{} defines another {name}", entry.kind);
        }
    }
    json!({
        "allOf": [{ "$ref": "#/components/schemas/cloudevent" }],
        "properties": { "type": { "const": entry.kind }, "dataschema": { "const": entry.dataschema }, "data": data }
    })
}

/// The schema with its references to `#/$defs/` leading to `#/components/schemas/`.
fn rerooted(schema: &Value) -> Value {
    let field = |(key, value): (&String, &Value)| match value.as_str().and_then(|text| text.strip_prefix("#/$defs/")) {
        Some(name) if key == "$ref" => (key.clone(), format!("#/components/schemas/{name}").into()),
        _ => (key.clone(), rerooted(value)),
    };
    match schema {
        Value::Object(fields) => Value::Object(fields.iter().map(field).collect()),
        Value::Array(items) => Value::Array(items.iter().map(rerooted).collect()),
        plain => plain.clone(),
    }
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
