//! The character U+0000, which no field of ours may hold: Postgres cannot store it, and it would come to light there
//! as a failure of the service.

use serde_json::Value;

/// Why a field is refused.
pub(super) const REASON: &str = "must not contain the character U+0000";
/// The character in a path or a query string.
pub(super) const ESCAPED: &str = "%00";

/// The first field of a well-formed JSON document with the character in it, or in its name.
pub(super) fn in_json(document: &[u8]) -> Option<String> {
    // Only its escape can stand in a document. Looked for in the whole first: almost none has it.
    if !std::str::from_utf8(document).is_ok_and(|text| text.contains("\\u0000")) {
        return None;
    }
    within(&serde_json::from_slice(document).ok()?, "")
}

fn within(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| path.to_owned()),
        Value::Array(values) => (0..).zip(values).find_map(|(index, value)| within(value, &format!("{path}[{index}]"))),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let field = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if name.contains('\0') { Some(field.replace('\0', "\u{fffd}")) } else { within(value, &field) }
        }),
        _ => None,
    }
}

/// The first parameter of a query string with the character in it.
pub(super) fn in_query(query: &str) -> Option<String> {
    let pair = query.split('&').find(|pair| pair.contains(ESCAPED))?;
    let name = pair.split('=').next().unwrap_or_default();
    Some(if name.is_empty() || name.contains(ESCAPED) { "query".to_owned() } else { name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_that_holds_it_is_named() {
        for (document, field) in [
            (r#"{"name":"a\u0000b"}"#, Some("name")),
            (r#"{"items":[{"name":"a"},{"name":"\u0000"}]}"#, Some("items[1].name")),
            (r#"{"labels":{"a\u0000":1}}"#, Some("labels.a\u{fffd}")),
            (r#"{"name":"the text \\u0000"}"#, None),
            (r#"{"name":"a"}"#, None),
        ] {
            assert_eq!(in_json(document.as_bytes()).as_deref(), field, "{document}");
        }
    }

    #[test]
    fn the_parameter_that_holds_it_is_named() {
        assert_eq!(in_query("first=3&search=a%00b").as_deref(), Some("search"));
        assert_eq!(in_query("a%00=1").as_deref(), Some("query"));
        assert_eq!(in_query("search=100%25"), None);
    }
}
