//! Requests that come again, on a real Postgres.

use chassis::http::{
    IdempotencyKey, KeyedRequest,
    idempotency::{Earlier, KeyRefused},
};
use kit::{Engine, Sandbox};
use postgres::{Db, idempotency};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

/// The table as the services' migrations make it.
const TABLE: &str =
    "CREATE TABLE idempotency_keys (auth_user_id uuid NOT NULL, operation text NOT NULL, key text NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32), answer jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (auth_user_id, operation, key))";

fn request(user: Uuid, operation: &'static str, body: &Value) -> KeyedRequest {
    KeyedRequest::new(user, operation, IdempotencyKey::parse(b"key").unwrap(), body).unwrap()
}

async fn look(db: &Db, request: &KeyedRequest) -> Earlier {
    let mut tx = db.begin().await.unwrap();
    let earlier = idempotency::begin(&mut tx, request).await.unwrap();
    tx.rollback().await.unwrap();
    earlier
}

#[tokio::test]
async fn a_key_is_held_while_the_first_runs_and_its_answer_is_kept_with_what_it_did() {
    let sandbox = Sandbox::only(&[Engine::Postgres]).await.unwrap();
    let db = Db::from(PgPool::connect(sandbox.postgres("auth")).await.unwrap());
    sqlx::query(TABLE).execute(db.pool()).await.unwrap();
    let user = Uuid::now_v7();
    let first = request(user, "pay", &json!({"amount": 1}));
    let others =
        [request(user, "refund", &json!({"amount": 1})), request(Uuid::now_v7(), "pay", &json!({"amount": 1}))];
    let other_body = request(user, "pay", &json!({"amount": 2}));

    let mut tx = db.begin().await.unwrap();
    assert_eq!(idempotency::begin(&mut tx, &first).await.unwrap(), Ok(None));
    for same_key in [&first, &other_body] {
        assert_eq!(look(&db, same_key).await, Err(KeyRefused::InProgress));
    }
    // What failed leaves nothing, and its key is free when the answer is there.
    let failed = tx.end(Err::<(), _>(sqlx::Error::RowNotFound)).await;
    assert!(matches!(failed, Err(sqlx::Error::RowNotFound)));
    assert_eq!(look(&db, &first).await, Ok(None));

    let mut tx = db.begin().await.unwrap();
    assert_eq!(idempotency::begin(&mut tx, &first).await.unwrap(), Ok(None));
    assert_eq!(idempotency::keep(&mut tx, &first, &json!({"paid": 1})).await.unwrap(), Ok(()));
    tx.end(Ok::<_, sqlx::Error>(())).await.unwrap();
    assert_eq!(look(&db, &first).await, Ok(Some(json!({"paid": 1}))));
    assert_eq!(look(&db, &other_body).await, Err(KeyRefused::Mismatch));
    for other in &others {
        assert_eq!(look(&db, other).await, Ok(None), "the scope is a user's operation");
    }
    // Somebody who looked before the first committed.
    let mut late = db.begin().await.unwrap();
    assert_eq!(idempotency::keep(&mut late, &first, &json!(null)).await.unwrap(), Err(KeyRefused::InProgress));
    late.rollback().await.unwrap();

    assert_eq!(idempotency::purge(db.pool()).await.unwrap(), 0);
    sqlx::query("UPDATE idempotency_keys SET created_at = now() - interval '72 hours 1 second'")
        .execute(db.pool())
        .await
        .unwrap();
    assert_eq!(idempotency::purge(db.pool()).await.unwrap(), 1);
    assert_eq!(look(&db, &first).await, Ok(None));
}
