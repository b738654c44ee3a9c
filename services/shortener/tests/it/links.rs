//! Making, reading, changing and deleting links, and whose they are.

use crate::app::{TARGET, TestApp, request, with};
use axum::http::StatusCode;
use contracts::{problem::Code, rest::shortener::Link};
use serde_json::json;

#[tokio::test]
async fn a_link_is_made_with_everything_that_was_asked_for() {
    let app = TestApp::new().await;
    let body = json!({
        "url": TARGET, "code": "summer-24", "title": " Summer sale ", "tags": ["sale", "summer", "sale"],
        "expires_at": "2999-01-01T00:00:00.123456Z", "max_clicks": 5, "redirect_status": 307,
        "forward_query": true, "fallback_url": "https://shop.example/over",
    });
    let answer = app.as_user("POST", "/v1/links", Some(body)).await;
    let link: Link = answer.json(StatusCode::CREATED);
    assert_eq!(answer.headers["location"], "/v1/links/summer-24");
    assert_eq!(answer.headers["etag"], "\"1\"");
    assert_eq!(link.code, "summer-24");
    assert_eq!(link.short_url, "https://v.example/r/summer-24");
    assert_eq!(link.title.as_deref(), Some("Summer sale"));
    assert_eq!(link.tags, ["sale", "summer"]);
    assert_eq!(link.expires_at.unwrap().to_rfc3339(), "2999-01-01T00:00:00.123+00:00");
    assert_eq!((link.max_clicks, link.redirect_status, link.version), (Some(5), 307, 1));
    assert!(link.forward_query && link.active);
    assert_eq!(app.read("summer-24").await, link);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let app = TestApp::new().await;
    let body = json!({"url": "http://127.0.0.1/", "code": "health", "max_clicks": 0, "redirect_status": 200});
    let problem = app.as_user("POST", "/v1/links", Some(body)).await.problem(Code::ValidationFailed);
    let fields: Vec<_> = problem.errors.iter().map(|error| &*error.field).collect();
    assert_eq!(fields, ["url", "code", "max_clicks", "redirect_status"]);
    let own = app.as_user("POST", "/v1/links", Some(json!({"url": "https://v.example/x"}))).await;
    assert_eq!(own.problem(Code::ValidationFailed).errors[0].field, "url");
}

#[tokio::test]
async fn a_code_is_given_out_once_for_ever() {
    let app = TestApp::new().await;
    let body = json!({"url": TARGET, "code": "once"});
    app.create(body.clone()).await;
    app.as_user("POST", "/v1/links", Some(body.clone())).await.problem(Code::CodeTaken);
    let deleted = app.as_user("DELETE", "/v1/links/once", None).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    app.as_user("POST", "/v1/links", Some(body.clone())).await.problem(Code::CodeTaken);
    let theirs = request("POST", "/v1/links", Some(&app.stranger()), Some(body));
    app.send(theirs).await.problem(Code::CodeTaken);
    // Case matters: this is another code.
    app.create(json!({"url": TARGET, "code": "Once"})).await;
}

#[tokio::test]
async fn of_many_who_want_one_code_at_once_one_gets_it() {
    let app = TestApp::new().await;
    let wanting = (0..8).map(|_| app.as_user("POST", "/v1/links", Some(json!({"url": TARGET, "code": "wanted"}))));
    let answers = futures::future::join_all(wanting).await;
    let made = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(made, 1);
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        answer.problem(Code::CodeTaken);
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let app = TestApp::new().await;
    let link = app.create(json!({"url": TARGET, "title": "Old", "tags": ["a"], "max_clicks": 3})).await;
    let path = format!("/v1/links/{}", link.code);
    let patch = json!({"title": null, "url": "https://shop.example/b", "max_clicks": 9});
    let answer = app.as_user("PATCH", &path, Some(patch.clone())).await;
    let changed: Link = answer.json(StatusCode::OK);
    assert_eq!(answer.headers["etag"], "\"2\"");
    let expected = Link {
        title: None,
        url: "https://shop.example/b".into(),
        max_clicks: Some(9),
        version: 2,
        updated_at: changed.updated_at,
        ..link
    };
    assert_eq!(changed, expected);
    assert_eq!(app.read(&changed.code).await, changed);
    let again: Link = app.as_user("PATCH", &path, Some(patch)).await.json(StatusCode::OK);
    assert_eq!(again, changed, "what changes nothing leaves the version alone");
    let wrong = app.as_user("PATCH", &path, Some(json!({"url": "x", "tags": [""]}))).await;
    assert_eq!(wrong.problem(Code::ValidationFailed).errors.len(), 2);
    app.as_user("PATCH", &path, Some(json!({"code": "other"}))).await.problem(Code::ValidationFailed);
}

#[tokio::test]
async fn a_patch_that_is_no_object_or_clears_what_must_be_is_refused() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let path = format!("/v1/links/{}", link.code);
    for (patch, field) in [
        (json!([]), "body"),
        (json!(["https://shop.example/b"]), "body"),
        (json!(null), "body"),
        (json!({"title": "New", "url": null}), "url"),
        (json!({"tags": null}), "tags"),
        (json!({"redirect_status": null}), "redirect_status"),
        (json!({"forward_query": null}), "forward_query"),
    ] {
        let problem = app.as_user("PATCH", &path, Some(patch.clone())).await.problem(Code::ValidationFailed);
        let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, [field], "{patch}");
    }
    assert_eq!(app.read(&link.code).await, link);
}

#[tokio::test]
async fn if_match_guards_against_lost_changes() {
    let app = TestApp::new().await;
    let path = format!("/v1/links/{}", app.link().await.code);
    let patch = |title: &str, tag: &str| {
        with(request("PATCH", &path, Some(&app.token), Some(json!({"title": title}))), "if-match", tag)
    };
    assert_eq!(app.send(patch("A", "\"1\"")).await.status, StatusCode::OK);
    app.send(patch("B", "\"1\"")).await.problem(Code::Conflict);
    assert_eq!(app.send(patch("C", "*")).await.status, StatusCode::OK);
    app.send(patch("D", "nonsense")).await.problem(Code::ValidationFailed);
    let delete = request("DELETE", &path, Some(&app.token), None);
    app.send(with(delete, "if-match", "\"1\"")).await.problem(Code::Conflict);
    let delete = request("DELETE", &path, Some(&app.token), None);
    assert_eq!(app.send(with(delete, "if-match", "\"3\"")).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn changes_at_once_are_all_made_one_after_the_other() {
    let app = TestApp::new().await;
    let path = format!("/v1/links/{}", app.link().await.code);
    let changing = (0..6).map(|n| {
        let body = json!({"title": format!("Title {n}")});
        app.as_user("PATCH", &path, Some(body))
    });
    for answer in futures::future::join_all(changing).await {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    let link: Link = app.as_user("GET", &path, None).await.json(StatusCode::OK);
    assert_eq!(link.version, 7);
}

#[tokio::test]
async fn a_deleted_link_is_gone_for_its_owner_too() {
    let app = TestApp::new().await;
    let path = format!("/v1/links/{}", app.link().await.code);
    assert_eq!(app.as_user("DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
    for (method, body) in [("GET", None), ("DELETE", None), ("PATCH", Some(json!({"title": "x"})))] {
        app.as_user(method, &path, body).await.problem(Code::NotFound);
    }
}

#[tokio::test]
async fn nobody_sees_or_changes_what_is_anothers() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let path = format!("/v1/links/{}", link.code);
    let stranger = app.stranger();
    let qr = format!("{path}/qr");
    for (method, path, body) in [
        ("GET", &path, None),
        ("GET", &qr, None),
        ("DELETE", &path, None),
        ("PATCH", &path, Some(json!({"url": "https://evil.example"}))),
    ] {
        let answer = app.send(request(method, path, Some(&stranger), body)).await;
        answer.problem(Code::NotFound);
    }
    let list = app.send(request("GET", "/v1/links", Some(&stranger), None)).await;
    let page: contracts::rest::shortener::LinkPage = list.json(StatusCode::OK);
    assert!(page.items.is_empty());
    assert_eq!(app.read(&link.code).await, link);
}
