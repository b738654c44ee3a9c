//! A Postgres that cannot do its work for the moment.

use crate::app::TestApp;
use contracts::problem::Code;
use serde_json::json;

#[tokio::test]
async fn while_postgres_only_reads_products_are_read_and_changes_are_told_to_come_again() {
    let app = TestApp::new().await;
    let product = app.stocked("A", 5).await;
    app.sandbox.alter_role("inventory", "SET default_transaction_read_only = on").await.unwrap();
    let path = format!("/v1/products/{}", product.id);
    app.is_read_again(&path, &app.token).await;
    assert_eq!(app.stock(product.id).await, (5, 0));
    let new = json!({"sku": "B", "name": "Boné", "price": {"minor": 4990, "currency": "BRL"}});
    let refused = [
        app.change(product.id, "increase", 1, "key").await,
        app.as_operator("POST", "/v1/products", Some(new)).await,
        app.as_operator("PATCH", &path, Some(json!({"name": "Camisa"}))).await,
    ];
    for answer in refused {
        answer.problem(Code::Unavailable);
        assert!(answer.headers.contains_key("retry-after"));
    }
    app.sandbox.alter_role("inventory", "CONNECTION LIMIT 0").await.unwrap();
    app.look(&path).await.problem(Code::Unavailable);
}
