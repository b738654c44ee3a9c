//! Clients by others, with their own packages from npm.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

use crate::gate::Gate;
use crate::orders::{id, product};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/clients");

async fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    let output = command.output().await.expect("Node is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The folder, with its packages.
fn installed() -> PathBuf {
    let folder = PathBuf::from(FOLDER);
    kit::npm::install(&folder).expect("packages are there");
    folder
}

async fn shop() -> Gate {
    let gate = Gate::start().await;
    let page = json!({ "items": [{ "cursor": "c1", "product": product(&id(1)) }], "has_next_page": false });
    let page = ResponseTemplate::new(200).set_body_json(page);
    Mock::given(method("GET")).and(path("/v1/products")).respond_with(page).mount(&gate.inventory).await;
    let found = ResponseTemplate::new(200).set_body_json(json!({ "items": [product(&id(1))] }));
    Mock::given(path("/v1/products/batch")).respond_with(found).mount(&gate.inventory).await;
    gate
}

#[tokio::test]
async fn apollo_client_persists_its_queries() {
    let folder = installed();
    for (by_get, first) in [("post", "POST"), ("get", "GET")] {
        let gate = shop().await;
        let told = run("node", &["apollo.mjs", &format!("{}/graphql", gate.url), by_get], &folder).await;
        let told: Value = serde_json::from_str(&told).expect("JSON");
        let sent = [(first, false), ("POST", true), (first, false)];
        let sent = sent.map(|(method, whole)| json!({ "method": method, "whole": whole, "status": 200 }));
        assert_eq!(told["sent"], json!(sent), "by hash, whole once, then by hash");
        for answer in told["answers"].as_array().expect("two answers") {
            assert_eq!(answer["products"]["edges"][0]["node"]["name"], "Caneca azul", "{told}");
        }
    }
}

/// Relay's compiler knows the schema, and what it makes of a fragment works.
#[tokio::test]
async fn relay_fetches_a_fragment_again() {
    let folder = installed();
    // Outside the repository: the compiler adds what it makes to the Git that it finds itself in.
    let work = tempfile::tempdir().expect("a folder");
    for part in ["src", "artifacts"] {
        std::fs::create_dir(work.path().join(part)).expect("a folder");
    }
    for file in ["relay.config.json", "src/Product.js"] {
        std::fs::copy(folder.join("relay").join(file), work.path().join(file)).expect("copied");
    }
    std::fs::write(work.path().join("schema.graphql"), gateway::sdl()).expect("written");
    let compiler = folder.join("node_modules/.bin/relay-compiler");
    run(compiler.to_str().expect("text"), &["relay.config.json"], work.path()).await;

    let gate = shop().await;
    let query = |name: &str| {
        let made = std::fs::read_to_string(work.path().join(format!("artifacts/{name}.graphql.js"))).expect("made");
        let text = made.lines().find_map(|line| line.trim().strip_prefix("\"text\": ")).expect("a query").to_owned();
        serde_json::from_str::<String>(text.trim_end_matches(',')).expect("JSON")
    };
    for (name, variables) in [
        ("ProductRowRefetchQuery", json!({ "id": id(1) })),
        ("ProductListPaginationQuery", json!({ "count": 1, "cursor": null })),
    ] {
        let body = json!({ "query": query(name), "variables": variables });
        let request = gate.client.post(format!("{}/graphql", gate.url)).json(&body).send().await;
        let answer: Value = request.expect("an answer").json().await.expect("JSON");
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        assert!(answer.to_string().contains("\"available\":3"), "{answer}");
    }
}
