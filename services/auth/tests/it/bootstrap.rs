//! The first operator.

use crate::app::{PASSWORD, TestApp};
use axum::http::StatusCode;
use contracts::{problem::Code, rest::auth::Session};
use serde_json::{Value, json};

fn operator(email: &str, password: &str) -> Value {
    json!({"bootstrap_operator": {"email": email, "password": password}})
}

#[tokio::test]
async fn an_operator_is_made_once_and_keeps_the_first_password() {
    let app = TestApp::with(operator("Op@vitrine.dev", PASSWORD)).await;
    let session: Session = app.log_in("op@vitrine.dev", PASSWORD).await.json(StatusCode::CREATED);
    assert_eq!(session.user.roles, ["user", "operator"]);

    let again = app.beside(&operator("op@vitrine.dev", "another password")).await.unwrap();
    again.log_in("op@vitrine.dev", "another password").await.problem(Code::InvalidCredentials);
    let _: Session = again.log_in("op@vitrine.dev", PASSWORD).await.json(StatusCode::CREATED);
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn nobody_becomes_operator_by_having_registered_first() {
    let app = TestApp::new().await;
    app.register("ana@exemplo.com").await;
    let refused = app.beside(&operator("ana@exemplo.com", PASSWORD)).await;
    let message = format!("{:#}", refused.err().unwrap());
    assert!(message.contains("belongs to an account that is no operator's"), "{message}");
    let session: Session = app.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    assert_eq!(session.user.roles, ["user"]);
}
