//! The parameters of a request: `query`, `operationName`, `variables`, `extensions`.

use async_graphql::Variables;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What is to be executed.
#[derive(Deserialize)]
#[serde(from = "Raw")]
pub(super) struct Parameters {
    pub(super) query: String,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Variables,
}

/// As they travel. Keys that the specification does not know are ignored, as it asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    /// Read only to refuse what is not a map.
    #[serde(default, rename = "extensions")]
    _extensions: Option<Map<String, Value>>,
}

impl From<Raw> for Parameters {
    fn from(raw: Raw) -> Self {
        let variables = raw.variables.map(|map| Variables::from_json(Value::Object(map))).unwrap_or_default();
        let operation_name = raw.operation_name.filter(|name| !name.is_empty());
        Self { query: raw.query, operation_name, variables }
    }
}

impl Parameters {
    /// Reads the body of a POST.
    pub(super) fn from_json(body: &[u8]) -> Result<Self, String> {
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            return Err("Requests are not taken in batches.".to_owned());
        }
        let raw: Raw = serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => format!("The parameters are not those of GraphQL: {error}."),
            _ => "The body is not well-formed JSON.".to_owned(),
        })?;
        Ok(raw.into())
    }

    /// Reads the query string of a GET, in which maps are JSON.
    pub(super) fn from_query(text: &str) -> Result<Self, String> {
        let mut raw = Raw { query: String::new(), operation_name: None, variables: None, _extensions: None };
        let mut found = false;
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let map = |value: &str| match value {
                "" => Ok(None),
                value => serde_json::from_str(value).map_err(|_| format!("The parameter {name} is not a JSON map.")),
            };
            match &*name {
                "query" => (raw.query, found) = (value.into_owned(), true),
                "operationName" => raw.operation_name = Some(value.into_owned()),
                "variables" => raw.variables = map(&value)?,
                "extensions" => raw._extensions = map(&value)?,
                _ => {}
            }
        }
        if found { Ok(raw.into()) } else { Err("The parameter query is missing.".to_owned()) }
    }
}
