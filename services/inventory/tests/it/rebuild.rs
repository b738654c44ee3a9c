//! The projection, made anew from the operations.

use crate::{app::TestApp, saga};
use axum::http::StatusCode;
use chassis::Scope;
use contracts::rest::inventory::{StockDifference, StockRebuilt};
use uuid::Uuid;

async fn rebuild(app: &TestApp, query: &str) -> StockRebuilt {
    app.as_operator("POST", &format!("/v1/stock/rebuild{query}"), None).await.json(StatusCode::OK)
}

fn told(differences: &[StockDifference]) -> Vec<(&str, i64, i64, bool)> {
    differences.iter().map(|found| (&*found.field, found.stored, found.computed, found.mended)).collect()
}

#[tokio::test]
async fn what_was_changed_by_hand_is_told_and_mended() {
    let app = TestApp::new().await;
    let (shirt, cap) = (app.stocked("SHIRT", 5).await.id, app.stocked("CAP", 3).await.id);
    app.inventory().reserve(&[(saga::reserve(Uuid::now_v7(), 1, &[(shirt, 2)]), Scope::current())]).await.unwrap();
    assert_eq!(rebuild(&app, "").await, StockRebuilt { products: 2, differences: vec![] });

    let spoiled =
        format!("UPDATE product_stock SET on_hand = 9, reserved = 1, operations = 7 WHERE product_id = '{shirt}'");
    app.execute(&spoiled).await;
    let rebuilt = rebuild(&app, "").await;
    assert!(rebuilt.differences.iter().all(|found| found.product_id == shirt));
    let expected = [("on_hand", 9, 5, true), ("reserved", 1, 2, true), ("operations", 7, 2, true)];
    assert_eq!(told(&rebuilt.differences), expected);
    assert_eq!((app.stock(shirt).await, app.stock(cap).await), ((5, 2), (3, 0)));
    app.adds_up().await;

    // A reservation that no operation tells of is for somebody to look at.
    app.execute("UPDATE reservations SET status = 'released'").await;
    assert_eq!(told(&rebuild(&app, "").await.differences), [("open_reservations", 0, 2, false)]);
}

#[tokio::test]
async fn snapshots_are_taken_every_hundred_operations_and_sums_begin_there() {
    let app = TestApp::new().await;
    let product = app.create("A").await.id;
    for number in 0..202 {
        let kind = if number % 4 == 3 { "decrease" } else { "increase" };
        let _: serde_json::Value = app.change(product, kind, 3, &number.to_string()).await.json(StatusCode::CREATED);
    }
    let taken: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT operations, product_version, on_hand FROM product_stock_snapshots ORDER BY product_version",
    )
    .fetch_all(app.pool())
    .await
    .unwrap();
    assert_eq!(taken, [(100, 101, 150), (200, 201, 300)]);
    app.adds_up().await;

    // A wrong snapshot misleads whoever trusts it, until sums begin at the first operation again.
    app.execute("UPDATE product_stock_snapshots SET on_hand = 301 WHERE operations = 200").await;
    assert_eq!(told(&rebuild(&app, "?from_snapshots=true").await.differences), [("on_hand", 306, 307, true)]);
    let mended = rebuild(&app, "").await;
    assert_eq!(told(&mended.differences), [("snapshot", 301, 300, true), ("on_hand", 307, 306, true)]);
    assert_eq!(app.stock(product).await, (306, 0));
    app.adds_up().await;
}
