//! What a MongoDB that is away, or cannot do its work for the moment, means to clients, on a real one.

mod idempotency;

use axum::{http::StatusCode, response::IntoResponse as _};
use contracts::problem::Code;
use kit::{Engine, Sandbox};
use mongodb::{Client, bson::doc};
use std::time::Duration;

/// What a client is told of the error, also when it is wrapped.
fn told(error: impl Into<anyhow::Error>) -> Code {
    let failure = mongo::failure(error.into().context("it could not be done"));
    let code = failure.code();
    let response = failure.into_response();
    assert_eq!(response.headers().contains_key("retry-after"), code == Code::Unavailable);
    assert_eq!(response.status(), StatusCode::from_u16(code.status()).unwrap());
    code
}

#[tokio::test]
async fn a_mongodb_whose_write_concern_is_not_met_or_that_is_not_there_is_away() {
    let sandbox = Sandbox::only(&[Engine::Mongo]).await.unwrap();
    let login = sandbox.mongo("shortener");
    let insert = async |url: String, id: i32| {
        let database = Client::with_uri_str(url).await.unwrap().database(&login.database);
        database.collection("written").insert_one(doc! { "_id": id }).await
    };
    insert(login.url.clone(), 1).await.unwrap();
    let taken = insert(login.url.clone(), 1).await.unwrap_err();
    assert_eq!(told(taken), Code::Internal);
    let unmet = insert(format!("{}&w=2&wtimeoutMS=50", login.url), 2).await.unwrap_err();
    assert!(mongo::is_away(&unmet), "{unmet:?}");
    assert_eq!(told(unmet), Code::Unavailable);
    let wrong_password = login.url.replacen('@', "x@", 1);
    assert_eq!(told(insert(wrong_password, 3).await.unwrap_err()), Code::Unavailable);
    let gone = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50".to_owned();
    let began = std::time::Instant::now();
    assert_eq!(told(insert(gone, 4).await.unwrap_err()), Code::Unavailable);
    assert!(began.elapsed() < Duration::from_secs(10));
}
