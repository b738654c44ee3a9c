//! Requests that come again, on a real MongoDB.

use chassis::http::{
    IdempotencyKey, KeyedRequest,
    idempotency::{KEPT, KeyRefused},
};
use kit::{Engine, Sandbox};
use mongo::IdempotencyKeys;
use mongodb::Client;
use serde_json::{Value, json};
use uuid::Uuid;

fn request(user: Uuid, operation: &'static str, body: &Value) -> KeyedRequest {
    KeyedRequest::new(user, operation, IdempotencyKey::parse(b"key").unwrap(), body).unwrap()
}

#[tokio::test]
async fn an_answer_is_kept_with_what_it_tells_of_and_one_at_a_time_is_done() {
    let sandbox = Sandbox::only(&[Engine::Mongo]).await.unwrap();
    let login = sandbox.mongo("shortener");
    let client = Client::with_uri_str(&login.url).await.unwrap();
    let database = client.database(&login.database);
    database.create_collection(IdempotencyKeys::COLLECTION).await.unwrap();
    let keys = IdempotencyKeys::new(&database);
    let user = Uuid::now_v7();
    let first = request(user, "pay", &json!({"amount": 1}));
    assert_eq!(keys.find(&first).await.unwrap(), Ok(None));

    let (mut session, mut other) = (client.start_session().await.unwrap(), client.start_session().await.unwrap());
    session.start_transaction().await.unwrap();
    assert_eq!(keys.keep(&mut session, &first, &json!({"paid": 1})).await.unwrap(), Ok(()));
    other.start_transaction().await.unwrap();
    assert_eq!(keys.keep(&mut other, &first, &json!(null)).await.unwrap(), Err(KeyRefused::InProgress));
    other.abort_transaction().await.unwrap();
    assert_eq!(keys.find(&first).await.unwrap(), Ok(None), "it is not committed");
    session.commit_transaction().await.unwrap();

    assert_eq!(keys.find(&first).await.unwrap(), Ok(Some(json!({"paid": 1}))));
    other.start_transaction().await.unwrap();
    assert_eq!(keys.keep(&mut other, &first, &json!(null)).await.unwrap(), Err(KeyRefused::InProgress));
    other.abort_transaction().await.unwrap();
    let other_body = request(user, "pay", &json!({"amount": 2}));
    assert_eq!(keys.find(&other_body).await.unwrap(), Err(KeyRefused::Mismatch));
    for elsewhere in [request(user, "refund", &json!({"amount": 1})), first.part(0)] {
        assert_eq!(keys.find(&elsewhere).await.unwrap(), Ok(None), "the scope is a user's operation");
    }
    assert_eq!(IdempotencyKeys::index().options.unwrap().expire_after, Some(KEPT));
}
