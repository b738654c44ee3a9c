//! The messages of `graphql-transport-ws`.

use super::super::parameters::Parameters;
use super::super::response::GraphqlResponse;
use async_graphql::ServerError;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Incoming {
    ConnectionInit {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    Subscribe {
        #[serde(deserialize_with = "id")]
        id: String,
        payload: Parameters,
    },
    Complete {
        #[serde(deserialize_with = "id")]
        id: String,
    },
    Ping {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    Pong {
        #[serde(default, rename = "payload")]
        _payload: Option<Map<String, Value>>,
    },
}

/// Reads the id of an operation, which must not be empty.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    if id.is_empty() { Err(D::Error::custom("an id must not be empty")) } else { Ok(id) }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Outgoing<'a> {
    ConnectionAck,
    Next {
        id: &'a str,
        payload: &'a GraphqlResponse,
    },
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
}

impl<'a> Outgoing<'a> {
    /// Makes a result, or the message of request errors.
    pub(super) fn of(id: &'a str, response: &'a GraphqlResponse) -> Self {
        match response.request_errors() {
            Some(errors) => Self::Error { id, payload: errors },
            None => Self::Next { id, payload: response },
        }
    }
}

impl From<Outgoing<'_>> for Message {
    fn from(message: Outgoing<'_>) -> Self {
        // Serializing cannot fail: all keys are strings.
        Self::Text(serde_json::to_string(&message).unwrap_or_default().into())
    }
}

#[derive(Debug)]
pub(super) struct Close {
    code: u16,
    reason: &'static str,
}

impl Close {
    pub(super) const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

impl From<Close> for Message {
    fn from(close: Close) -> Self {
        Self::Close(Some(CloseFrame { code: close.code.into(), reason: Utf8Bytes::from_static(close.reason) }))
    }
}
