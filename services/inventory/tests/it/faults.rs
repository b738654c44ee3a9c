//! A Postgres that cannot do its work for the moment.

use crate::world::{PATIENCE, World};
use axum::http::StatusCode;
use contracts::problem::Code;
use serde_json::json;

#[tokio::test]
async fn while_postgres_only_reads_products_are_read_and_changes_are_told_to_come_again() {
    let world = World::new().await;
    let product = world.stocked("A", 5).await;
    world.sandbox.alter_role("inventory", "SET default_transaction_read_only = on").await.unwrap();
    let path = format!("/v1/products/{}", product.id);
    // Several in a row: the pool may hold more than one connection that was cut off.
    let read = async || {
        for _ in 0..5 {
            let answer = world.look(&path).await;
            if answer.status != StatusCode::OK {
                answer.problem(Code::Unavailable);
                return Ok(None);
            }
        }
        Ok(Some(()))
    };
    kit::eventually(PATIENCE, "connections that were cut off to be made again", read).await.unwrap();
    assert_eq!(world.stock(product.id).await, (5, 0));
    let new = json!({"sku": "B", "name": "Boné", "price": {"minor": 4990, "currency": "BRL"}});
    let refused = [
        world.change(product.id, "increase", 1, "key").await,
        world.operate("POST", "/v1/products", Some(new)).await,
        world.operate("PATCH", &path, Some(json!({"name": "Camisa"}))).await,
    ];
    for answer in refused {
        answer.problem(Code::Unavailable);
        assert!(answer.headers.contains_key("retry-after"));
    }
    world.sandbox.alter_role("inventory", "CONNECTION LIMIT 0").await.unwrap();
    world.look(&path).await.problem(Code::Unavailable);
}
