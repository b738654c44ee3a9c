//! The schema, as clients' tools read it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::gate::Gate;

const EVERYTHING: &str = "{ __schema { directives { name description args { ...input } } types {
    kind name description specifiedByURL interfaces { name } possibleTypes { name }
    fields(includeDeprecated: true) { name description isDeprecated deprecationReason args { ...input } }
    inputFields { ...input }
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } } } }
    fragment input on __InputValue { name description }";

async fn everything() -> Value {
    let gate = Gate::start().await;
    let answer = gate.ask_anonymously(EVERYTHING).await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    answer["data"]["__schema"].clone()
}

fn each<'a>(parent: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    parent[list].as_array().into_iter().flatten()
}

/// Scalars of the specification's own (3.5).
const STANDARD: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];

/// Notes what has no words, with all below it.
fn check(path: &str, thing: &Value, bare: &mut BTreeSet<String>) {
    let path = format!("{path}.{}", thing["name"].as_str().unwrap_or_default());
    let is_blank = |text: &Value| text.as_str().is_none_or(|text| text.trim().is_empty());
    if is_blank(&thing["description"]) || (thing["isDeprecated"] == true && is_blank(&thing["deprecationReason"])) {
        bare.insert(path.clone());
    }
    for list in ["fields", "inputFields", "enumValues", "args"] {
        for part in each(thing, list) {
            check(&path, part, bare);
        }
    }
}

#[tokio::test]
async fn everything_is_described() {
    let schema = everything().await;
    let mut bare = BTreeSet::new();
    let is_ours = |name: &str| !name.starts_with("__") && !STANDARD.contains(&name);
    let types = each(&schema, "types").filter(|kind| is_ours(kind["name"].as_str().unwrap_or_default()));
    for thing in types.chain(each(&schema, "directives")) {
        check("", thing, &mut bare);
    }
    assert!(bare.is_empty(), "without a description, or a reason: {bare:#?}");
}

#[tokio::test]
async fn scalars_of_our_own_say_where_they_are_specified() {
    let schema = everything().await;
    let own = each(&schema, "types").filter(|kind| kind["kind"] == "SCALAR");
    let own: Vec<_> = own.filter(|kind| STANDARD.iter().all(|name| kind["name"] != *name)).collect();
    assert!(own.len() >= 3);
    for scalar in own {
        let url = scalar["specifiedByURL"].as_str().unwrap_or_default();
        assert!(url::Url::parse(url).is_ok_and(|url| url.scheme() == "https"), "{}: {url:?}", scalar["name"]);
    }
}

#[tokio::test]
async fn whoever_reads_the_schema_learns_what_a_node_may_be() {
    let schema = everything().await;
    let node = each(&schema, "types").find(|kind| kind["name"] == "Node").expect("the interface");
    let names: BTreeSet<_> = each(node, "possibleTypes").filter_map(|kind| kind["name"].as_str()).collect();
    assert_eq!(names, ["Customer", "Link", "Order", "Product", "User"].into());
    for name in names {
        let kind = each(&schema, "types").find(|kind| kind["name"] == name).expect("a type");
        assert_eq!(kind["interfaces"], json!([{ "name": "Node" }]), "{name}");
    }
}

#[tokio::test]
async fn pages_go_forward_only_and_whoever_wants_back_is_told() {
    let gate = Gate::start().await;
    for (field, argument) in [("links", "last: 3"), ("orders", "before: \"c\""), ("products", "last: 3")] {
        let answer = gate.ask_anonymously(&format!("{{ {field}({argument}) {{ edges {{ cursor }} }} }}")).await;
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        let name = argument.split(':').next().unwrap_or_default();
        assert!(message.contains(name) && message.contains(field), "{message}");
        assert_eq!(answer.get("data"), None);
    }
}
