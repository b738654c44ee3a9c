//! The program itself: configured by its environment, ready, measured, and silent about people.

use crate::world::PASSWORD;
use contracts::rest::auth::{Session, User};
use kit::{Sandbox, Stack};
use serde_json::json;

#[tokio::test]
async fn the_program_serves_and_logs_nothing_personal() {
    chassis::jwt::crypto::install();
    let sandbox = Sandbox::of("auth").await.unwrap();
    let stack =
        Stack::builder(&sandbox).env("auth", "AUTH_LOG__FILTER", "debug,sqlx=trace").start(&["auth"]).await.unwrap();
    let (client, url) = (chassis::client::new(), stack.url("auth"));
    let body = json!({"email": "ana.silva@exemplo.com", "password": PASSWORD, "full_name": "Ana Margarida"});
    let answer = client.post(format!("{url}/v1/users")).json(&body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 201);
    let session: Session = answer.json().await.unwrap();
    let me = client.get(format!("{url}/v1/users/me")).bearer_auth(&session.access_token);
    let me: User = me.send().await.unwrap().json().await.unwrap();
    assert_eq!(me, session.user);
    let refused = json!({"email": "ana.silva@exemplo.com", "password": "not the password"});
    let answer = client.post(format!("{url}/v1/sessions")).json(&refused).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);

    let metrics = client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    for name in [auth::metrics::REGISTRATIONS, auth::metrics::LOGINS, auth::metrics::HASH_DURATION] {
        assert!(metrics.contains(name), "{name} is not measured");
    }
    stack.stop("auth").await.unwrap();
    let logs = stack.logs("auth").unwrap();
    assert!(logs.contains("A request was answered."), "{logs}");
    let operator = sandbox.operator();
    for secret in [
        "ana.silva",
        "Margarida",
        PASSWORD,
        "not the password",
        &session.access_token,
        &session.refresh_token,
        &operator.email,
        &operator.password,
    ] {
        assert!(!logs.contains(secret), "the log tells {secret}");
    }
}
