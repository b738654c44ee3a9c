//! Many links at once, good ones and bad ones.

use std::rc::Rc;

use anyhow::Result;
use e2e_tests::{Platform, visitor};
use reqwest::StatusCode;
use serde_json::{Value, json};

const CREATE_LINKS: &str = "mutation($inputs: [CreateLinkInput!]!) { createLinks(inputs: $inputs) {
    index link { code url tags } problem { code message fields { field message } } } }";

pub(super) async fn many_links_are_made_at_once(platform: Rc<Platform>) -> Result<()> {
    let ana = platform.user("Ana").await?;
    let inputs = json!([
        { "url": "https://shop.example/a", "code": "bulk-a", "tags": ["bulk"] },
        { "url": "ftp://shop.example/b" },
        { "url": "https://shop.example/c", "code": "bulk-a" },
        { "url": "http://127.0.0.1/admin" },
        { "url": "https://shop.example/e", "redirectStatus": 200, "code": "metrics" },
        { "url": "https://shop.example/f" },
    ]);
    let data = ana.client.ask(CREATE_LINKS, json!({ "inputs": inputs })).await?.data()?;
    let results = data["createLinks"].as_array().cloned().unwrap_or_default();

    let outcomes: Vec<_> = results.iter().map(|result| result["problem"]["code"].as_str()).collect();
    let refused = Some("validation_failed");
    assert_eq!(outcomes, [None, refused, Some("code_taken"), refused, refused, None], "{results:?}");
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], index);
        assert_ne!(result["link"].is_null(), result["problem"].is_null(), "one of the two: {result}");
    }
    // What is wrong is named as GraphQL names it, all of it at once.
    assert_eq!(fields(&results[1]), ["url"]);
    assert_eq!(fields(&results[3]), ["url"]);
    assert_eq!(fields(&results[4]), ["code", "redirectStatus"]);

    // The good ones lead somewhere.
    for index in [0, 5] {
        let code = results[index]["link"]["code"].as_str().unwrap_or_default();
        let answer = platform.visitor().visit(code, &visitor::FIREFOX).await?;
        assert_eq!(
            (answer.status, answer.header("location")),
            (StatusCode::FOUND, inputs[index]["url"].as_str().unwrap_or_default())
        );
    }

    // The same by REST, where names are in snake case and lead into the request.
    let links =
        json!([{ "url": "https://shop.example/g" }, { "url": "https://shop.example/h", "redirect_status": 200 }]);
    let answer = ana.client.post("/api/shortener/v1/links/bulk", &json!({ "links": links })).await?;
    let results = answer.success()?["results"].take();
    assert_eq!(results[0]["link"]["url"], "https://shop.example/g");
    assert_eq!(results[1]["problem"]["errors"][0]["field"], "links[1].redirect_status", "{results}");
    Ok(())
}

fn fields(result: &Value) -> Vec<String> {
    let named = result["problem"]["fields"].as_array().cloned().unwrap_or_default();
    // Services tell where in the request a field stands; the index is in the result as well.
    let last = |field: &Value| field["field"].as_str().unwrap_or_default().rsplit('.').next().map(str::to_owned);
    let mut names: Vec<String> = named.iter().filter_map(last).collect();
    names.sort();
    names
}
