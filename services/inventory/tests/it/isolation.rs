//! inventory's login opens inventory's database and nothing else; without its database it is not ready.

use crate::app::TestApp;
use kit::{Engine, Sandbox};
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn inventorys_login_opens_no_other_database() {
    let app = TestApp::new().await;
    let neighbour = Sandbox::only(&[Engine::Postgres]).await.unwrap();
    let own = app.sandbox.postgres("inventory");
    let (login, _) = own.rsplit_once('/').unwrap();
    for other in [neighbour.postgres("inventory"), neighbour.postgres("orders")] {
        let (_, database) = other.rsplit_once('/').unwrap();
        let refused = PgConnection::connect(&format!("{login}/{database}")).await.expect_err("no way in");
        assert!(refused.to_string().contains("permission denied"), "{refused}");
    }
}
