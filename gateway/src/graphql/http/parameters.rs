//! The parameters of a request: `query`, `operationName`, `variables`, `extensions`.

use async_graphql::Variables;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(try_from = "Raw")]
pub(super) struct Parameters {
    /// The document; empty if only its hash was sent.
    pub(super) query: String,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Variables,
    /// The hash of the document, if it was sent.
    pub(super) persisted: Option<PersistedQuery>,
}

/// `extensions.persistedQuery`, as Apollo's clients send it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a JSON object with `version` and `sha256Hash`")]
pub(super) struct PersistedQuery {
    pub(super) version: u64,
    pub(super) sha256_hash: String,
}

/// The JSON form. Unknown keys are ignored, as the specification requires.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "a JSON object with `query`")]
struct Raw {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
    extensions: Option<Extensions>,
}

/// Unknown extensions are ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "a JSON object")]
struct Extensions {
    persisted_query: Option<PersistedQuery>,
}

impl TryFrom<Raw> for Parameters {
    type Error = &'static str;

    fn try_from(raw: Raw) -> Result<Self, &'static str> {
        let persisted = raw.extensions.and_then(|extensions| extensions.persisted_query);
        let query = match raw.query {
            Some(query) => query,
            None if persisted.is_some() => String::new(),
            None => return Err("the parameter query is missing"),
        };
        let variables = raw.variables.map(|map| Variables::from_json(Value::Object(map))).unwrap_or_default();
        let operation_name = raw.operation_name.filter(|name| !name.is_empty());
        Ok(Self { query, operation_name, variables, persisted })
    }
}

impl Parameters {
    pub(super) fn from_json(body: &[u8]) -> Result<Self, String> {
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            return Err("Batches are not supported. Send one request at a time.".to_owned());
        }
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                format!("The parameters of the GraphQL request are not valid: {error}.")
            }
            _ => "The body is not well-formed JSON.".to_owned(),
        })
    }

    /// Reads the query string of a GET, in which objects are JSON.
    pub(super) fn from_query(text: &str) -> Result<Self, String> {
        let mut raw = Raw::default();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "query" => raw.query = Some(value.into_owned()),
                "operationName" => raw.operation_name = Some(value.into_owned()),
                "variables" => raw.variables = map(&name, &value)?,
                "extensions" => raw.extensions = map(&name, &value)?,
                _ => {}
            }
        }
        raw.try_into().map_err(|why| format!("The parameters of the GraphQL request are not valid: {why}."))
    }
}

fn map<'a, T: Deserialize<'a>>(name: &str, value: &'a str) -> Result<Option<T>, String> {
    match value {
        "" => Ok(None),
        value => serde_json::from_str(value).map_err(|_| format!("The parameter {name} must be a valid JSON object.")),
    }
}
