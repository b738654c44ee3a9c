//! The operations of an OpenAPI description, for tests that try every one: an operation that is added is tried, too.

use contracts::problem::Code;
use serde::Serialize;
use serde_json::Value;

/// What else can stand beside the operations of a path is no operation.
const METHODS: [&str; 6] = ["get", "head", "put", "post", "patch", "delete"];
/// More than a body of the usual limit may have, in bytes.
const TOO_LARGE: usize = 2 * 1024 * 1024;

/// An operation, as a service describes it.
pub struct Operation {
    /// `GET`, for example.
    pub method: String,
    /// With its parameters in braces.
    pub path: String,
    /// Whether it is closed to callers without a token.
    pub needs_token: bool,
    /// Whether it is closed to callers without a role.
    pub needs_role: bool,
    pub takes_body: bool,
    statuses: Vec<String>,
}

impl Operation {
    pub fn all(description: &impl Serialize) -> Vec<Self> {
        let description = serde_json::to_value(description).expect("a description is JSON");
        let paths = description["paths"].as_object().expect("a description has paths");
        let each = paths.iter().flat_map(|(path, item)| {
            let operations =
                item.as_object().into_iter().flatten().filter(|(name, _)| METHODS.contains(&name.as_str()));
            operations.map(|(method, operation)| Self::read(method, path, operation))
        });
        each.collect()
    }

    fn read(method: &str, path: &str, operation: &Value) -> Self {
        let statuses =
            operation["responses"].as_object().into_iter().flatten().map(|(status, _)| status.clone()).collect();
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            needs_token: is_closed(&operation["security"]),
            needs_role: operation["responses"].get("403").is_some(),
            takes_body: operation.get("requestBody").is_some(),
            statuses,
        }
    }

    /// Method and path: `GET /v1/orders/{id}`.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path with a value for every parameter.
    pub fn path_of(&self, value: &str) -> String {
        let parts = self.path.split('/').map(|part| if part.starts_with('{') { value } else { part });
        parts.collect::<Vec<_>>().join("/")
    }

    /// Fails unless the description tells that it may answer so.
    pub fn tells_of(&self, statuses: &[&str]) {
        for status in statuses {
            assert!(self.statuses.iter().any(|told| told == status), "{} does not tell of {status}", self.route());
        }
    }
}

/// Whether every way in needs something; an empty one is open (OpenAPI 3.1, security requirement object).
fn is_closed(ways: &Value) -> bool {
    let needs = |way: &Value| way.as_object().is_some_and(|schemes| !schemes.is_empty());
    ways.as_array().is_some_and(|ways| !ways.is_empty() && ways.iter().all(needs))
}

/// Bodies that no operation takes: content type, body, and how it is refused.
pub fn unreadable() -> [(&'static str, String, Code); 5] {
    let json = "application/json";
    [
        (json, "{".to_owned(), Code::MalformedRequest),
        (json, "[]".to_owned(), Code::ValidationFailed),
        (json, "{\"nonsense\":true}".to_owned(), Code::ValidationFailed),
        ("text/plain", "{}".to_owned(), Code::UnsupportedMediaType),
        (json, Value::String("x".repeat(TOO_LARGE)).to_string(), Code::PayloadTooLarge),
    ]
}
