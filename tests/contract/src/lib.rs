//! Tells whether a JSON Schema changed in a way that breaks somebody.
//!
//! Readers of both ages live side by side during a roll-out, so a change must suit both: the new
//! reader meets old messages (in the log, for six months), the old reader meets new messages.

use serde_json::Value;
use std::collections::BTreeSet;

/// What of `new` would break a reader or a message of `old`; empty when nothing.
#[must_use]
pub fn breaking_changes(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("$", old, new, (old, new), &mut found);
    found
}

fn compare(path: &str, old: &Value, new: &Value, roots: (&Value, &Value), found: &mut Vec<String>) {
    let (old, new) = (resolve(old, roots.0), resolve(new, roots.1));
    for keyword in ["type", "format", "enum", "const", "pattern"] {
        if old.get(keyword) != new.get(keyword) {
            found.push(format!("{path}: `{keyword}` changed"));
        }
    }
    for name in names(old, "required").difference(&names(new, "required")) {
        found.push(format!("{path}.{name}: is no longer required, but old readers need it"));
    }
    for name in names(new, "required").difference(&names(old, "required")) {
        found.push(format!("{path}.{name}: became required, but old messages lack it"));
    }
    for (name, property) in properties(old) {
        match new.get("properties").and_then(|all| all.get(name)) {
            Some(now) => compare(&format!("{path}.{name}"), property, now, roots, found),
            None => found.push(format!("{path}.{name}: was removed")),
        }
    }
    if let (Some(items), Some(now)) = (old.get("items"), new.get("items")) {
        compare(&format!("{path}[]"), items, now, roots, found);
    }
}

/// Follows a local `$ref`.
fn resolve<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str);
    target.and_then(|pointer| root.pointer(pointer.trim_start_matches('#'))).unwrap_or(schema)
}

fn names(schema: &Value, keyword: &str) -> BTreeSet<String> {
    let list = schema.get(keyword).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn link() -> Value {
        json!({
            "type": "object",
            "required": ["code", "owner"],
            "properties": {
                "code": { "type": "string" },
                "owner": { "$ref": "#/$defs/Owner" },
                "tags": { "type": "array", "items": { "type": "string" } }
            },
            "$defs": { "Owner": { "type": "object", "properties": { "id": { "type": "string" } } } }
        })
    }

    fn change(edit: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut new = link();
        edit(&mut new);
        breaking_changes(&link(), &new)
    }

    #[test]
    fn an_optional_field_may_be_added_and_texts_may_change() {
        let added = change(|new| new["properties"]["title"] = json!({ "type": "string" }));
        let described = change(|new| new["properties"]["code"]["description"] = json!("The code."));
        assert!(added.is_empty() && described.is_empty());
    }

    #[test]
    fn what_breaks_a_reader_is_named() {
        let removed = change(|new| drop(new["properties"].as_object_mut().unwrap().remove("tags")));
        assert_eq!(removed, ["$.tags: was removed"]);
        let required = change(|new| new["required"] = json!(["code", "owner", "tags"]));
        assert_eq!(required, ["$.tags: became required, but old messages lack it"]);
        let relaxed = change(|new| new["required"] = json!(["code"]));
        assert_eq!(relaxed, ["$.owner: is no longer required, but old readers need it"]);
        let nested = change(|new| new["$defs"]["Owner"]["properties"]["id"]["type"] = json!("integer"));
        assert_eq!(nested, ["$.owner.id: `type` changed"]);
        let items = change(|new| new["properties"]["tags"]["items"]["type"] = json!("integer"));
        assert_eq!(items, ["$.tags[]: `type` changed"]);
    }
}
