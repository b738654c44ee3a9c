//! The same by REST, through `/api/<service>/…`.

use std::rc::Rc;

use anyhow::{Result, ensure};
use e2e_tests::{Platform, visitor};
use kit::{eventually, secrets};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::PATIENCE;

pub(super) async fn links_by_rest(platform: Rc<Platform>) -> Result<()> {
    let ana = platform.user("Ana").await?.client;
    let (links, body) = ("/api/shortener/v1/links", json!({ "url": "https://shop.example/rest", "code": "rest-1" }));

    // The same request with the same key makes one link; another request with that key is refused.
    let keyed = ana.with("idempotency-key", secrets::generate());
    let made = keyed.post(links, &body).await?;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert_eq!(keyed.post(links, &body).await?.json()?, made.json()?);
    let other = keyed.post(links, &json!({ "url": "https://shop.example/other" })).await?;
    assert_eq!(other.problem()?.code.as_str(), "idempotency_mismatch");
    assert_eq!(ana.post(links, &body).await?.problem()?.code.as_str(), "code_taken");

    // It is read, listed, drawn and changed; a change to a version that is over is refused.
    let read = ana.get("/api/shortener/v1/links/rest-1").await?;
    assert_eq!(read.success()?, made.json()?);
    let page = ana.get("/api/shortener/v1/links?search=REST-1&first=5").await?.success()?;
    assert_eq!((&page["items"][0]["link"], &page["has_next_page"]), (&made.json()?, &json!(false)));
    for (format, media) in [("svg", "image/svg+xml"), ("png", "image/png")] {
        let drawn = ana.get(&format!("/api/shortener/v1/links/rest-1/qr?format={format}&size=128")).await?;
        assert_eq!((drawn.status, drawn.header("content-type")), (StatusCode::OK, media));
        assert!(drawn.body.starts_with(if format == "png" { b"\x89PNG" } else { b"<?xm" }), "{}", drawn.text());
    }
    let versioned = ana.with("if-match", read.header("etag"));
    let change = json!({ "title": "Named", "tags": ["rest"] });
    let changed = versioned.put_json(Method::PATCH, "/api/shortener/v1/links/rest-1", &change).await?.success()?;
    assert_eq!((&changed["title"], &changed["version"]), (&json!("Named"), &json!(2)));
    let late = versioned.put_json(Method::PATCH, "/api/shortener/v1/links/rest-1", &change).await?;
    assert_eq!(late.problem()?.code.as_str(), "conflict");

    // It is deleted.
    let deleted = ana.call(Method::DELETE, "/api/shortener/v1/links/rest-1").await?;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{}", deleted.text());
    assert_eq!(ana.get("/api/shortener/v1/links/rest-1").await?.problem()?.code.as_str(), "not_found");
    eventually(PATIENCE, "the link to be gone", async || {
        let answer = platform.visitor().visit("rest-1", &visitor::IPHONE).await?;
        Ok((answer.status == StatusCode::GONE).then_some(()))
    })
    .await
}

pub(super) async fn statistics_by_rest(platform: Rc<Platform>) -> Result<()> {
    let user = platform.user("Ana").await?;
    let ana = &user.client;
    user.create_link(json!({ "url": "https://shop.example/measured", "code": "rest-2" })).await?;
    let live = eventually(PATIENCE, "analytics to know the link", async || {
        Ok(Some(ana.watch("/api/analytics/v1/links/rest-2/clicks/live", None).await?))
    });
    let mut live = live.await?;

    // A click is told live, without the crawler's; both are counted and exported.
    for agent in [visitor::GOOGLEBOT, visitor::FIREFOX] {
        assert_eq!(platform.visitor().visit("rest-2", &agent).await?.status, StatusCode::FOUND);
    }
    let click = live.until(|event| event.name == "click").await?.json()?;
    assert_eq!((&click["code"], &click["browser"]), (&json!("rest-2"), &json!("Firefox")));
    assert_eq!((&click["referrer"], &click["bot"]), (&json!("news.example"), &json!(false)));
    user.sees_clicks("rest-2", 2).await?;

    let stats = ana.get("/api/analytics/v1/links/rest-2/stats?time_zone=America/Sao_Paulo").await?.success()?;
    assert_eq!(stats["totals"], json!({ "clicks": 1, "unique_visitors": 1 }));
    assert_eq!((&stats["previous"]["clicks"], &stats["time_zone"]), (&json!(0), &json!("America/Sao_Paulo")));
    assert_eq!(stats["operating_systems"], json!([{ "name": "Linux", "count": 1 }]));
    let hours = "/api/analytics/v1/stats?granularity=hour&from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z";
    assert_eq!(ana.get(hours).await?.problem()?.errors[0].field, "granularity", "two months have too many hours");
    let all = ana.get("/api/analytics/v1/stats?include_bots=true&granularity=week").await?.success()?;
    assert_eq!(all["totals"]["clicks"], 2);
    let asked = json!({ "codes": ["rest-2", "nobodys"], "window": {}, "facets": [{ "kind": "totals" },
        { "kind": "top", "dimension": "browser", "first": 3 }] });
    let batch = ana.post("/api/analytics/v1/stats/batch", &asked).await?.success()?;
    assert_eq!(batch["links"].as_object().map(serde_json::Map::len), Some(1), "{batch}");
    assert_eq!(batch["links"]["rest-2"][0]["clicks"], 1);
    assert_eq!(batch["links"]["rest-2"][1]["counts"], json!([{ "name": "Firefox", "count": 1 }]));

    let csv = ana.get("/api/analytics/v1/links/rest-2/clicks/export?format=csv&include_bots=true").await?;
    ensure!(csv.header("content-type").starts_with("text/csv"), "{}", csv.header("content-type"));
    let lines: Vec<String> = csv.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "a header and two clicks: {lines:?}");
    assert!(lines[0].starts_with("code,clicked_at,referrer,country,browser"), "{}", lines[0]);
    let json = ana.get("/api/analytics/v1/links/rest-2/clicks/export?format=json").await?.success()?;
    assert_eq!(json.as_array().map(Vec::len), Some(1));
    assert_eq!(json[0], click);
    Ok(())
}

pub(super) async fn accounts_by_rest(platform: Rc<Platform>) -> Result<()> {
    let visitor = platform.visitor();
    let (email, password) = ("bea.by.rest@example.com", "correct horse battery");
    let account = json!({ "email": email, "password": password, "full_name": "Bea" });
    let made = visitor.post("/api/auth/v1/users", &account).await?;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let session = made.json()?;
    let bea = visitor.with_token(session["access_token"].as_str().unwrap_or_default());
    assert_eq!(bea.get("/api/auth/v1/users/me").await?.success()?, session["user"]);

    // A change of the password ends her other sessions.
    let login = |password: &str| json!({ "email": email, "password": password });
    let other = visitor.post("/api/auth/v1/sessions", &login(password)).await?.success()?;
    let change = json!({ "current_password": password, "new_password": "battery staple horse" });
    let changed = bea.put_json(Method::PUT, "/api/auth/v1/users/me/password", &change).await?;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.text());
    let refresh = |token: &serde_json::Value| json!({ "refresh_token": token });
    let ended = visitor.post("/api/auth/v1/sessions/refresh", &refresh(&other["refresh_token"])).await?;
    assert_eq!(ended.problem()?.code.as_str(), "invalid_refresh_token");
    let old = visitor.post("/api/auth/v1/sessions", &login(password)).await?;
    assert_eq!((old.status, old.problem()?.code.as_str()), (StatusCode::UNAUTHORIZED, "invalid_credentials"));
    let fresh = visitor.post("/api/auth/v1/sessions", &login("battery staple horse")).await?;
    assert_eq!(fresh.status, StatusCode::CREATED);

    // Refresh, and out.
    let token = fresh.json()?["refresh_token"].take();
    let next = visitor.post("/api/auth/v1/sessions/refresh", &refresh(&token)).await?.success()?;
    let out = visitor.post("/api/auth/v1/sessions/revoke", &refresh(&next["refresh_token"])).await?;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let after = visitor.post("/api/auth/v1/sessions/refresh", &refresh(&next["refresh_token"])).await?;
    assert_eq!(after.problem()?.code.as_str(), "invalid_refresh_token");
    let keys = visitor.get("/api/auth/.well-known/jwks.json").await?.success()?;
    assert_eq!((&keys["keys"][0]["alg"], &keys["keys"][0]["crv"]), (&json!("EdDSA"), &json!("Ed25519")));
    Ok(())
}
