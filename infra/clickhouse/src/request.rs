//! A request of ClickHouse's HTTP interface, taken apart: what is in the URL, in a form, and what is a setting.

use crate::failure::Failure;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use url::form_urlencoded;

/// Names in the URL that mean something to the HTTP interface and are no settings.
const RESERVED: &[&str] = &[
    "query",
    "database",
    "default_format",
    "user",
    "password",
    "quota_key",
    "query_id",
    "wait_end_of_query",
    "buffer_size",
    "stacktrace",
    "enable_http_compression",
    "close_session",
    "session_timeout",
    "session_check",
];

/// Names in the URL that ask for what this adapter does not do.
const REFUSED: &[&str] = &["session_id", "compress", "decompress", "role"];

/// The parts of the URL, and of a multipart form, that are not data.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    pairs: Vec<(String, String)>,
}

impl Parts {
    pub fn of_url(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        Self { pairs }
    }

    /// Adds the fields of a `multipart/form-data` body, which is how long queries and parameters are sent; leaves
    /// nothing of the body then. Any other body is data and is returned as it is.
    pub fn absorb_form(&mut self, headers: &HeaderMap, body: Bytes) -> Result<Bytes, Failure> {
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(boundary) = kind.strip_prefix("multipart/form-data").and_then(|rest| rest.split("boundary=").nth(1))
        else {
            return Ok(body);
        };
        let boundary = boundary.split(';').next().unwrap_or_default().trim().trim_matches('"');
        let fields = form_fields(&body, boundary).ok_or_else(|| Failure::bad_arguments("The form cannot be read"))?;
        self.pairs.extend(fields);
        Ok(Bytes::new())
    }

    /// The last value given for a name, and none if it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().rev().find(|(key, _)| key == name)?;
        Some(found.1.as_str()).filter(|value| !value.is_empty())
    }

    /// The values of the statement's `{name:Type}` placeholders.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let named = self.pairs.iter().filter_map(|(key, value)| Some((key.strip_prefix("param_")?, value)));
        named.map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }

    /// The engine's settings among the parts.
    pub fn settings(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut settings = Vec::new();
        for (key, value) in &self.pairs {
            if REFUSED.contains(&key.as_str()) && !matches!(value.as_str(), "" | "0" | "false") {
                return Err(Failure::not_implemented(format!("'{key}' is not available here")));
            }
            let known = RESERVED.contains(&key.as_str()) || REFUSED.contains(&key.as_str());
            if !known && !key.starts_with("param_") {
                settings.push((key.clone(), value.clone()));
            }
        }
        Ok(settings)
    }
}

/// Reads the named fields of a form, or nothing if it is malformed.
fn form_fields(body: &[u8], boundary: &str) -> Option<Vec<(String, String)>> {
    let first = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut fields = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let head = find(part, b"\r\n\r\n")?;
        let end = find(part, between.as_bytes())?;
        let value = part.get(head + 4..end)?;
        let name = std::str::from_utf8(&part[..head]).ok()?.split("name=\"").nth(1)?.split('"').next()?;
        fields.push((name.to_owned(), String::from_utf8(value.to_vec()).ok()?));
        rest = &part[end + between.len()..];
    }
    rest.starts_with(b"--").then_some(fields)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::{Parts, form_fields};

    #[test]
    fn settings_are_what_is_left() {
        let parts = Parts::of_url(Some("query=SELECT+1&max_threads=2&param_a=x%20y&database=d&compress=0"));
        assert_eq!(parts.get("query"), Some("SELECT 1"));
        assert_eq!(parts.settings().unwrap(), [("max_threads".to_owned(), "2".to_owned())]);
        assert_eq!(parts.parameters(), [("a".to_owned(), "x y".to_owned())]);
    }

    #[test]
    fn what_is_not_done_is_refused() {
        assert_eq!(Parts::of_url(Some("session_id=a")).settings().unwrap_err().code, 48);
    }

    #[test]
    fn forms_are_read() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT\r\n1\r\n--b\r\nContent-Disposition: form-data; name=\"param_a\"\r\n\r\n\r\n--b--\r\n";
        let fields = form_fields(body.as_bytes(), "b").unwrap();
        assert_eq!(fields, [("query".to_owned(), "SELECT\r\n1".to_owned()), ("param_a".to_owned(), String::new())]);
        assert_eq!(form_fields(b"nonsense", "b"), None);
    }
}
