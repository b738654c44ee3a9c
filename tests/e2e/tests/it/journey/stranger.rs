//! A stranger's token, and what it opens: nothing.

use std::rc::Rc;

use anyhow::Result;
use e2e_tests::{Answer, Client, Platform, visitor};
use kit::secrets;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Ana's link, and a code that nobody has.
const HERS: &str = "anas-own";
const NOBODYS: &str = "no-such-1";

pub(super) async fn a_stranger_sees_nothing_of_it(platform: Rc<Platform>) -> Result<()> {
    let (ana, bea) = (platform.user("Ana").await?, platform.user("Bea").await?.client);
    let link = json!({ "url": "https://shop.example/secret", "code": HERS, "title": "Quiet", "tags": ["quiet"] });
    ana.create_link(link).await?;
    platform.visitor().visit(HERS, &visitor::CHROME).await?;
    ana.sees_clicks(HERS, 1).await?;

    by_graphql(&bea).await?;
    by_rest(&bea).await?;
    by_lists_and_totals(&ana.client, &bea).await?;

    // And hers is as it was.
    let query = "query($code: String!) { link(code: $code) { url title clickCount } }";
    let data = ana.client.ask(query, json!({ "code": HERS })).await?.data()?;
    assert_eq!(data["link"], json!({ "url": "https://shop.example/secret", "title": "Quiet", "clickCount": 1 }));
    Ok(())
}

async fn by_graphql(bea: &Client) -> Result<()> {
    for query in [
        "query($code: String!) { link(code: $code) { id url stats { clicks } } }",
        "mutation($code: String!) { updateLink(code: $code, input: { title: \"Mine\" }) { id } }",
        "mutation($code: String!) { deleteLink(code: $code) }",
    ] {
        let hers = bea.ask(query, json!({ "code": HERS })).await?;
        let nobodys = bea.ask(query, json!({ "code": NOBODYS })).await?;
        assert_alike(query, &hers, &nobodys)?;
        let body = hers.json()?;
        let nothing = body["data"].is_null() || body["data"] == json!({ "link": null });
        assert!(nothing, "{query}: {body}");
    }
    Ok(())
}

async fn by_rest(bea: &Client) -> Result<()> {
    for (method, path, body) in [
        (Method::GET, "/api/shortener/v1/links/CODE", Value::Null),
        (Method::PATCH, "/api/shortener/v1/links/CODE", json!({ "title": "Mine" })),
        (Method::DELETE, "/api/shortener/v1/links/CODE", Value::Null),
        (Method::GET, "/api/shortener/v1/links/CODE/qr", Value::Null),
        (Method::GET, "/api/analytics/v1/links/CODE/stats", Value::Null),
        (Method::GET, "/api/analytics/v1/links/CODE/clicks/live", Value::Null),
        (Method::GET, "/api/analytics/v1/links/CODE/clicks/export", Value::Null),
    ] {
        let ask = async |code: &str| {
            let request = bea.request(method.clone(), &path.replace("CODE", code));
            bea.send(if body.is_null() { request } else { request.json(&body) }).await
        };
        let (hers, nobodys) = (ask(HERS).await?, ask(NOBODYS).await?);
        assert_eq!((hers.status, hers.problem()?.code.as_str()), (StatusCode::NOT_FOUND, "not_found"), "{path}");
        assert_alike(path, &hers, &nobodys)?;
    }
    Ok(())
}

async fn by_lists_and_totals(ana: &Client, bea: &Client) -> Result<()> {
    let links = "query($after: String, $search: String, $tag: String) {
        links(after: $after, search: $search, tag: $tag) { edges { cursor node { code } } } }";
    for variables in [json!({}), json!({ "search": HERS }), json!({ "tag": "quiet" })] {
        let data = bea.ask(links, variables.clone()).await?.data()?;
        assert_eq!(data["links"]["edges"], json!([]), "{variables}");
    }
    // A cursor of hers opens no window onto her list.
    let hers = ana.ask(links, json!({})).await?.data()?;
    let cursor = &hers["links"]["edges"][0]["cursor"];
    let behind = bea.ask(links, json!({ "after": cursor })).await?;
    assert!(!behind.text().contains(HERS), "{}", behind.text());

    let facets = json!({ "codes": [HERS, NOBODYS], "window": {}, "facets": [{ "kind": "totals" }] });
    let batch = bea.post("/api/analytics/v1/stats/batch", &facets).await?.success()?;
    assert_eq!(batch["links"], json!({}));
    let all = bea.get("/api/analytics/v1/stats?include_bots=true").await?.success()?;
    assert_eq!(all["totals"]["clicks"], 0);

    // An idempotency key is its owner's: the same one of a stranger's makes a link of the stranger's.
    let key = secrets::generate();
    let post = async |client: &Client| {
        let body = json!({ "url": "https://shop.example/keyed" });
        client.with("idempotency-key", key.clone()).post("/api/shortener/v1/links", &body).await?.success()
    };
    let (first, second) = (post(ana).await?, post(bea).await?);
    assert_ne!(first["code"], second["code"]);
    Ok(())
}

/// What exists must not be told from what does not: but for the request's id and time, all is the same.
fn assert_alike(what: &str, hers: &Answer, nobodys: &Answer) -> Result<()> {
    assert_eq!(anonymous(hers)?, anonymous(nobodys)?, "{what}");
    Ok(())
}

fn anonymous(answer: &Answer) -> Result<(StatusCode, Vec<String>, String)> {
    let id = answer.header("x-request-id");
    let body = answer.text().replace(id, "ID").replace(HERS, "CODE").replace(NOBODYS, "CODE");
    let mut headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    headers.sort();
    Ok((answer.status, headers, body))
}
