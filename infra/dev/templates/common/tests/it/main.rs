//! __name__ on a real engine, with a database of the test's own.

use axum::http::StatusCode;
use contracts::problem::Code;
use harness::{TestApp, request};
use serde_json::{Value, json};
use __name__::Service;

#[tokio::test]
async fn a_note_is_read_by_its_writer_only() {
    let app = TestApp::<Service>::new().await;
    let note: Value = app.as_user("POST", "/v1/notes", Some(json!({ "text": "milk" }))).await.json(StatusCode::CREATED);
    let path = format!("/v1/notes/{}", note["id"].as_str().unwrap());
    let read: Value = app.get(&path, &app.token).await;
    assert_eq!((&read["text"], &read), (&json!("milk"), &note));
    app.ask("GET", &path, &app.stranger(), None).await.problem(Code::NotFound);
    app.send(request("GET", &path, None, None)).await.problem(Code::Unauthenticated);
}

#[tokio::test]
async fn an_empty_note_is_refused() {
    let app = TestApp::<Service>::new().await;
    app.as_user("POST", "/v1/notes", Some(json!({ "text": " " }))).await.problem(Code::ValidationFailed);
}
