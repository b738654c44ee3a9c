//! The documents that foreign tools read: what makes their linters and generators refuse one.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

fn generated(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/generated")).join(path)
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Every OpenAPI document, by its unit.
fn openapi() -> Vec<(String, Value)> {
    let files = fs::read_dir(generated("openapi")).unwrap().map(|file| file.unwrap().path());
    let documents: Vec<_> =
        files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect();
    assert!(documents.iter().any(|(unit, _)| unit == "gateway") && documents.len() > 6);
    documents
}

/// Every operation of a document, by its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let items = document["paths"].as_object().unwrap().iter();
    let operations = items.flat_map(|(path, item)| {
        let methods = METHODS.iter().filter_map(|method| Some((method, item.get(method)?)));
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    operations.collect()
}

/// The references of a document that lead nowhere in it.
fn dangling(document: &Value) -> Vec<String> {
    let (mut open, mut found) = (vec![document], Vec::new());
    while let Some(value) = open.pop() {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            let leads = target.strip_prefix('#').is_some_and(|pointer| document.pointer(pointer).is_some());
            found.extend((!leads).then(|| target.to_owned()));
        }
        match value {
            Value::Object(fields) => open.extend(fields.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

#[test]
fn every_operation_has_a_name_of_its_own_a_word_on_security_and_described_answers() {
    for (unit, document) in openapi() {
        let mut names = BTreeSet::new();
        for (operation, described) in operations(&document) {
            let name = described["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{unit}: two operations are called {name}");
            assert!(described["security"].is_array(), "{unit}: {operation} does not say who may call it");
            for (status, response) in described["responses"].as_object().unwrap() {
                let is_described = response["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(is_described, "{unit}: {operation} does not say what {status} means");
            }
            assert!(described["responses"]["default"].is_object(), "{unit}: {operation} describes no other error");
        }
        assert!(document["servers"][0]["url"].is_string(), "{unit} names no server");
        assert_eq!(dangling(&document), Vec::<String>::new(), "{unit}");
    }
}

#[test]
fn every_reference_of_the_messages_leads_somewhere_from_the_document_s_root() {
    assert_eq!(dangling(&read(&generated("asyncapi.json"))), Vec::<String>::new());
}

#[test]
fn every_golden_sample_is_a_cloudevent() {
    for folder in fs::read_dir(generated("../golden")).unwrap() {
        for sample in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = sample.unwrap().path();
            let sample = read(&path);
            assert_eq!(sample["specversion"], "1.0", "{}", path.display());
            // CloudEvents 1.0, section "Naming conventions".
            let is_plain = |name: &String| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            let names = sample.as_object().unwrap().keys();
            assert_eq!(
                names.filter(|name| !is_plain(name)).collect::<Vec<_>>(),
                Vec::<&String>::new(),
                "{}",
                path.display()
            );
        }
    }
}
