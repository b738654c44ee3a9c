//! Listing links.

use crate::app::{TARGET, TestApp, request};
use axum::http::StatusCode;
use contracts::{
    problem::Code,
    rest::shortener::{LinkPage, Links},
};
use serde_json::json;
use uuid::Uuid;

async fn page(app: &TestApp, query: &str) -> LinkPage {
    app.as_user("GET", &format!("/v1/links?{query}"), None).await.json(StatusCode::OK)
}

fn titles(page: &LinkPage) -> Vec<&str> {
    page.items.iter().map(|item| item.link.title.as_deref().unwrap_or_default()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_newest_first_and_miss_nothing() {
    let app = TestApp::new().await;
    for n in 0..7 {
        app.create(json!({"url": TARGET, "title": n.to_string()})).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = page(&app, &format!("first=3{after}")).await;
        seen.extend(titles(&page).into_iter().map(ToOwned::to_owned));
        // A link that is made meanwhile moves no page.
        app.create(json!({"url": TARGET, "title": "new"})).await;
        if !page.has_next_page {
            break;
        }
        after = format!("&after={}", page.items.last().unwrap().cursor);
    }
    assert_eq!(seen, ["6", "5", "4", "3", "2", "1", "0"]);
}

#[tokio::test]
async fn a_batch_tells_the_callers_links_and_nothing_of_others() {
    let app = TestApp::new().await;
    let (one, other) = (app.create(json!({"url": TARGET})).await, app.create(json!({"url": TARGET})).await);
    let deleted = app.create(json!({"url": TARGET})).await;
    app.as_user("DELETE", &format!("/v1/links/{}", deleted.code), None).await;
    let codes = json!({"codes": [one.code, other.code, deleted.code, "nobody-s", "no code", one.code]});
    let batch: Links = app.as_user("POST", "/v1/links/batch", Some(codes.clone())).await.json(StatusCode::OK);
    let mut told: Vec<_> = batch.items.iter().map(|link| link.code.as_str()).collect();
    told.sort_unstable();
    let mut wanted = [one.code.as_str(), other.code.as_str()];
    wanted.sort_unstable();
    assert_eq!(told, wanted);
    let ids = json!({"ids": [one.id, deleted.id, Uuid::now_v7()]});
    let batch: Links = app.as_user("POST", "/v1/links/batch", Some(ids.clone())).await.json(StatusCode::OK);
    assert_eq!(batch.items.iter().map(|link| &link.code).collect::<Vec<_>>(), [&one.code]);
    let both = json!({"codes": [other.code], "ids": [one.id]});
    let batch: Links = app.as_user("POST", "/v1/links/batch", Some(both)).await.json(StatusCode::OK);
    assert_eq!(batch.items.len(), 2);
    let stranger = app.issuer.token(Uuid::now_v7(), &["user"]);
    for asked in [codes, ids] {
        let asked = app.send(request("POST", "/v1/links/batch", Some(&stranger), Some(asked))).await;
        assert!(asked.json::<Links>(StatusCode::OK).items.is_empty());
    }
    for (codes, ids) in [(0, 0), (101, 0), (0, 101), (50, 51)] {
        let codes = json!({"codes": vec!["abc"; codes], "ids": vec![one.id; ids]});
        let problem = app.as_user("POST", "/v1/links/batch", Some(codes)).await.problem(Code::ValidationFailed);
        assert_eq!(problem.errors[0].field, "codes");
    }
}

#[tokio::test]
async fn links_are_found_by_tag_and_by_a_part_of_title_code_or_target() {
    let app = TestApp::new().await;
    for (title, code, url, tags) in [
        ("Summer Sale", "aaa", "https://shop.example/one", vec!["sale", "2024"]),
        ("Winter", "Find_Me", "https://shop.example/two", vec!["sale"]),
        ("Promoção", "ccc", "https://shop.example/three?a.b", vec![]),
    ] {
        app.create(json!({"url": url, "code": code, "title": title, "tags": tags})).await;
    }
    let deleted = app.create(json!({"url": TARGET, "title": "Summer over", "tags": ["sale"]})).await;
    app.as_user("DELETE", &format!("/v1/links/{}", deleted.code), None).await;
    for (query, expected) in [
        ("tag=sale", vec!["Winter", "Summer Sale"]),
        ("tag=sal", vec![]),
        ("search=sUMMER", vec!["Summer Sale"]),
        ("search=find_me", vec!["Winter"]),
        ("search=/THREE", vec!["Promoção"]),
        ("search=PROMO%C3%87", vec!["Promoção"]),
        ("search=three%3Fa.b", vec!["Promoção"]),
        ("search=.*", vec![]),
        ("search=%5B", vec![]),
        ("search=shop&tag=2024", vec!["Summer Sale"]),
        ("search=", vec!["Promoção", "Winter", "Summer Sale"]),
    ] {
        assert_eq!(titles(&page(&app, query).await), expected, "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_listed_is_refused() {
    let app = TestApp::new().await;
    for (query, code) in [
        ("first=0", Code::ValidationFailed),
        ("first=101", Code::ValidationFailed),
        ("first=many", Code::ValidationFailed),
        ("after=nonsense", Code::InvalidCursor),
        (&*format!("search={}", "x".repeat(101)), Code::ValidationFailed),
    ] {
        app.as_user("GET", &format!("/v1/links?{query}"), None).await.problem(code);
    }
}

#[tokio::test]
async fn lists_use_an_index_whatever_is_searched_for() {
    let app = TestApp::new().await;
    app.link().await;
    let database = app.database().await;
    let owner = mongodb::bson::Uuid::new();
    for filter in [
        mongodb::bson::doc! {"auth_user_id": owner, "deleted_at": {"$exists": false}},
        mongodb::bson::doc! {"auth_user_id": owner, "tags": "x"},
        mongodb::bson::doc! {"auth_user_id": owner, "$or": [{"title": {"$regex": "x", "$options": "i"}}]},
        mongodb::bson::doc! {"code": "x"},
    ] {
        let find = mongodb::bson::doc! {"find": "urls", "filter": filter, "sort": {"_id": -1}};
        let plan = database.run_command(mongodb::bson::doc! {"explain": find}).await.unwrap();
        let winning = plan.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap();
        assert!(!winning.to_string().contains("COLLSCAN"), "{winning}");
        assert!(winning.to_string().contains("IXSCAN"), "{winning}");
    }
}
