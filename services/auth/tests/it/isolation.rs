//! auth's login opens auth's database and nothing else.

use crate::world::World;
use kit::{Engine, Sandbox};
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn auths_login_opens_no_other_database() {
    let world = World::new().await;
    let neighbour = Sandbox::only(&[Engine::Postgres]).await.unwrap();
    let (own, other) = (world.sandbox.postgres("auth"), neighbour.postgres("auth"));
    let database = |url: &str| url.rsplit_once('/').map(|(_, name)| name.to_owned()).unwrap();
    assert!(PgConnection::connect(own).await.is_ok());
    let foreign = own.replace(&format!("/{}", database(own)), &format!("/{}", database(other)));
    let refused = PgConnection::connect(&foreign).await.expect_err("no way in");
    assert!(refused.to_string().contains("permission denied"), "{refused}");
}
