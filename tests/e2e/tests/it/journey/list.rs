//! The list of links.

use std::rc::Rc;

use anyhow::Result;
use e2e_tests::{Platform, User};
use serde_json::{Value, json};

const LINKS: &str = "query($first: Int, $after: String, $tag: String, $search: String) {
    links(first: $first, after: $after, tag: $tag, search: $search) {
        edges { cursor node { code stats { clicks } } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

pub(super) async fn links_are_listed_found_and_paged(platform: Rc<Platform>) -> Result<()> {
    let ana = platform.user("Ana").await?;
    for (code, title, tags) in [
        ("list-1", "Winter boots", json!(["winter", "shoes"])),
        ("list-2", "Winter coats", json!(["winter"])),
        ("list-3", "Sandals 100% (new)", json!(["shoes"])),
    ] {
        let url = format!("https://shop.example/{code}");
        ana.create_link(json!({ "url": url, "code": code, "title": title, "tags": tags })).await?;
    }

    // Newest first; by tag; by words of title, code or target, whatever their case and signs.
    assert_eq!(codes(&list(&ana, json!({})).await?), ["list-3", "list-2", "list-1"]);
    assert_eq!(codes(&list(&ana, json!({ "tag": "shoes" })).await?), ["list-3", "list-1"]);
    assert_eq!(codes(&list(&ana, json!({ "tag": "shoe" })).await?), [""; 0]);
    assert_eq!(codes(&list(&ana, json!({ "search": "WINTER" })).await?), ["list-2", "list-1"]);
    assert_eq!(codes(&list(&ana, json!({ "search": "example/list-2" })).await?), ["list-2"]);
    assert_eq!(codes(&list(&ana, json!({ "search": "100% (" })).await?), ["list-3"]);
    assert_eq!(codes(&list(&ana, json!({ "search": ".*" })).await?), [""; 0]);
    assert_eq!(codes(&list(&ana, json!({ "search": "winter", "tag": "shoes" })).await?), ["list-1"]);

    // Page by page it is the same list, also when a link is added in front meanwhile.
    let first = list(&ana, json!({ "first": 2 })).await?;
    assert_eq!(codes(&first), ["list-3", "list-2"]);
    let page = &first["pageInfo"];
    assert_eq!((&page["hasNextPage"], &page["hasPreviousPage"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&page["startCursor"], &page["endCursor"]),
        (&first["edges"][0]["cursor"], &first["edges"][1]["cursor"])
    );
    ana.create_link(json!({ "url": "https://shop.example/new", "code": "list-4" })).await?;
    let second = list(&ana, json!({ "first": 2, "after": page["endCursor"] })).await?;
    assert_eq!(codes(&second), ["list-1"]);
    let page = &second["pageInfo"];
    assert_eq!((&page["hasNextPage"], &page["hasPreviousPage"]), (&json!(false), &json!(true)));
    Ok(())
}

async fn list(user: &User, variables: Value) -> Result<Value> {
    let mut data = user.client.ask(LINKS, variables).await?.data()?;
    Ok(data["links"].take())
}

fn codes(links: &Value) -> Vec<String> {
    let edges = links["edges"].as_array().cloned().unwrap_or_default();
    edges.iter().map(|edge| edge["node"]["code"].as_str().unwrap_or_default().to_owned()).collect()
}
