//! auth's login opens auth's database and nothing else.

use crate::app::TestApp;
use kit::{Engine, Sandbox};
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn auths_login_opens_no_other_database() {
    let app = TestApp::new().await;
    let neighbour = Sandbox::only(&[Engine::Postgres]).await.unwrap();
    let (own, other) = (app.sandbox.postgres("auth"), neighbour.postgres("auth"));
    assert!(PgConnection::connect(own).await.is_ok());
    let (login, _) = own.rsplit_once('/').unwrap();
    let (_, database) = other.rsplit_once('/').unwrap();
    let foreign = format!("{login}/{database}");
    let refused = PgConnection::connect(&foreign).await.expect_err("no way in");
    assert!(refused.to_string().contains("permission denied"), "{refused}");
}
