//! Products: made and changed by operators, seen by users.

use crate::{
    app::{TestApp, request},
    saga::Orders,
};
use axum::http::StatusCode;
use contracts::{
    problem::Code,
    rest::inventory::{Product, ProductPage, Products},
};
use kit::Engine;
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn a_product_is_made_and_read() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let body = json!({
        "sku": "CAM-42", "name": "  Camiseta   azul ", "description": "De algodão.\nLavar a frio.",
        "price": {"minor": 4990, "currency": "BRL"}, "active": true,
    });
    let answer = app.as_operator("POST", "/v1/products", Some(body)).await;
    let product: Product = answer.json(StatusCode::CREATED);
    assert_eq!(answer.headers["location"], format!("/v1/products/{}", product.id));
    assert_eq!((&*product.sku, &*product.name, product.version), ("CAM-42", "Camiseta azul", 1));
    let path = format!("/v1/products/{}", product.id);
    assert_eq!(app.as_operator("GET", &path, None).await.json::<Product>(StatusCode::OK), product);
    let seen: Product = app.look(&path).await.json(StatusCode::OK);
    assert_eq!((seen.stock.available, seen.stock.on_hand, seen.stock.reserved), (0, None, None));
    assert_eq!(orders.log(product.id, 1).await, [("inventory.product.created".to_owned(), 1)]);
}

#[tokio::test]
async fn a_number_is_given_to_one_product() {
    let app = TestApp::new().await;
    let first = app.create("CAM-42").await;
    let body = |sku: &str| Some(json!({"sku": sku, "name": "x", "price": {"minor": 1, "currency": "BRL"}}));
    for sku in ["CAM-42", "cam-42"] {
        app.as_operator("POST", "/v1/products", body(sku)).await.problem(Code::SkuTaken);
    }
    let other = app.create("CAM-43").await;
    let path = |product: &Product| format!("/v1/products/{}", product.id);
    let taken = app.as_operator("PATCH", &path(&other), Some(json!({"sku": "CAM-42"}))).await;
    taken.problem(Code::SkuTaken);
    let own = app.as_operator("PATCH", &path(&first), Some(json!({"sku": "cam-42"}))).await;
    assert_eq!(own.json::<Product>(StatusCode::OK).sku, "cam-42");
    assert_eq!(app.count("SELECT count(*) FROM product_stock").await, 2);
}

#[tokio::test]
async fn all_fields_that_are_wrong_are_told_and_nothing_is_stored() {
    let app = TestApp::new().await;
    let body = json!({
        "sku": "a b", "name": " ", "description": "x".repeat(5001), "price": {"minor": -1, "currency": "BRL"},
    });
    let refused = app.as_operator("POST", "/v1/products", Some(body.clone())).await.refused();
    assert_eq!(refused, ["sku", "name", "price", "description"]);
    let mistyped = json!({"sku": "a", "name": "x", "price": {"minor": 1, "currency": "ZZZ"}});
    assert_eq!(app.as_operator("POST", "/v1/products", Some(mistyped)).await.refused(), ["price.currency"]);
    assert_eq!(app.count("SELECT count(*) FROM products").await, 0);
    let product = app.create("A").await;
    let path = format!("/v1/products/{}", product.id);
    assert_eq!(app.as_operator("PATCH", &path, Some(body)).await.refused().len(), 4);
    assert_eq!(app.as_operator("GET", &path, None).await.json::<Product>(StatusCode::OK), product);
}

#[tokio::test]
async fn a_change_touches_what_it_names_and_is_told_once() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let product = app.stocked("A", 3).await;
    let path = format!("/v1/products/{}", product.id);
    let patch = async |body: Value| app.as_operator("PATCH", &path, Some(body)).await.json::<Product>(StatusCode::OK);
    let changed = patch(json!({"description": "Nova", "price": {"minor": 1, "currency": "EUR"}})).await;
    assert_eq!(
        (changed.name.as_str(), changed.description.as_deref(), changed.version),
        ("Camiseta A", Some("Nova"), 3)
    );
    assert_eq!(changed.stock.available, 3);
    let same = patch(json!({"description": "Nova"})).await;
    assert_eq!(same, changed);
    let cleared = patch(json!({"description": null, "active": false})).await;
    assert_eq!((cleared.description, cleared.active, cleared.version), (None, false, 4));
    let versions = orders.log(product.id, 4).await;
    let told = ["product.created", "stock.increased", "product.updated", "product.updated"];
    let expected: Vec<_> = (1..).zip(told).map(|(version, kind)| (format!("inventory.{kind}"), version)).collect();
    assert_eq!(versions, expected, "products and their stock share one version");
}

#[tokio::test]
async fn what_is_not_for_sale_is_seen_by_operators_only() {
    let app = TestApp::new().await;
    let (on, off) = (app.create("ON").await.id, app.create("OFF").await.id);
    let path = format!("/v1/products/{off}");
    let _: Product = app.as_operator("PATCH", &path, Some(json!({"active": false}))).await.json(StatusCode::OK);
    let ids = |page: ProductPage| page.items.into_iter().map(|item| item.product.id).collect::<Vec<_>>();
    assert_eq!(ids(app.as_operator("GET", "/v1/products", None).await.json(StatusCode::OK)), [off, on]);
    let body = json!({"ids": [on, off, Uuid::now_v7()]});
    for token in [Some(&*app.token), None] {
        let ask = async |method, path: &str, body| app.send(request(method, path, token, body)).await;
        ask("GET", &path, None).await.problem(Code::NotFound);
        ask("GET", &format!("{path}/stock"), None).await.problem(Code::NotFound);
        assert_eq!(ids(ask("GET", "/v1/products", None).await.json(StatusCode::OK)), [on], "{token:?}");
        assert!(ids(ask("GET", "/v1/products?search=off", None).await.json(StatusCode::OK)).is_empty(), "{token:?}");
        let seen: Products = ask("POST", "/v1/products/batch", Some(body.clone())).await.json(StatusCode::OK);
        assert_eq!(seen.items.iter().map(|product| product.id).collect::<Vec<_>>(), [on]);
    }
    let all: Products = app.as_operator("POST", "/v1/products/batch", Some(body)).await.json(StatusCode::OK);
    assert_eq!(all.items.len(), 2);
    for ids in [vec![], vec![on; 201]] {
        let answer = app.as_operator("POST", "/v1/products/batch", Some(json!({"ids": ids}))).await;
        assert_eq!(answer.refused(), ["ids"]);
    }
}

#[tokio::test]
async fn visitors_see_what_users_see_and_nothing_with_a_bad_token() {
    let app = TestApp::new().await;
    let product = app.stocked("A", 3).await;
    let one = format!("/v1/products/{}", product.id);
    for path in ["/v1/products".to_owned(), one.clone(), format!("{one}/stock")] {
        let seen: Value = app.send(request("GET", &path, None, None)).await.json(StatusCode::OK);
        assert_eq!(seen, app.look(&path).await.json::<Value>(StatusCode::OK));
        assert!(!seen.to_string().contains("on_hand") && !seen.to_string().contains("reserved"), "{seen}");
        app.send(request("GET", &path, Some("nonsense"), None)).await.problem(Code::InvalidToken);
    }
    app.send(request("GET", &format!("{one}/stock/operations"), None, None)).await.problem(Code::Unauthenticated);
}

#[tokio::test]
async fn lists_go_on_where_they_ended_and_are_searched_without_regard_to_case() {
    let app = TestApp::new().await;
    let mut made = Vec::new();
    for sku in ["A-1", "A-2", "B-1", "B-2", "C_1"] {
        made.push(app.create(sku).await.id);
    }
    let patch = json!({"name": "AÇÃO 100%"});
    let path = format!("/v1/products/{}", made[2]);
    let _: Product = app.as_operator("PATCH", &path, Some(patch)).await.json(StatusCode::OK);
    made.reverse();
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page: ProductPage = app.look(&format!("/v1/products?first=2{after}")).await.json(StatusCode::OK);
        after = page.items.last().map(|item| format!("&after={}", item.cursor)).unwrap_or_default();
        found.extend(page.items.into_iter().map(|item| item.product.id));
        if !page.has_next_page {
            break;
        }
    }
    assert_eq!(found, made);
    for (search, count) in [("a-", 2), ("CAMISETA", 4), ("a%C3%A7%C3%A3o", 1), ("100%25", 1), ("_", 1), ("%25", 1)] {
        let page: ProductPage = app.look(&format!("/v1/products?search={search}")).await.json(StatusCode::OK);
        assert_eq!(page.items.len(), count, "{search}");
    }
}

#[tokio::test]
async fn without_the_broker_products_are_made_and_told_later() {
    let engines = kit::engines::Private::start(&[Engine::Rabbitmq]).await.unwrap();
    let sandbox = kit::Sandbox::on(&engines).await.unwrap();
    let app = TestApp::on(sandbox.into(), json!({})).await;
    engines.kill9(Engine::Rabbitmq).await.unwrap();
    let product = app.stocked("A", 3).await;
    assert_eq!(app.stock(product.id).await, (3, 0));
    assert_eq!(app.health.report().await.status, chassis::health::Status::Degraded);
    assert_eq!(app.count("SELECT count(*) FROM outbox").await, 2);
    engines.start_again(Engine::Rabbitmq).await.unwrap();
    let emptied = kit::eventually(harness::PATIENCE, "the outbox to empty", async || {
        Ok((app.count("SELECT count(*) FROM outbox").await == 0).then_some(()))
    });
    emptied.await.unwrap();
}
