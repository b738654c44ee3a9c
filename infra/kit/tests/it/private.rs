//! Private engines: they can be killed, keep their data, and the shared ones do not notice.

use kit::engines::Private;
use kit::{Engine, Sandbox};
use sqlx::{Connection as _, Executor as _, PgConnection};

#[tokio::test]
async fn a_killed_engine_comes_back_with_its_data() {
    let engines = Private::start(&[Engine::Postgres]).await.unwrap();
    let sandbox = Sandbox::on(&engines).await.unwrap();
    let mut connection = PgConnection::connect(sandbox.postgres("auth")).await.unwrap();
    connection.execute("CREATE TABLE things AS SELECT 7 AS id").await.unwrap();

    engines.kill9(Engine::Postgres).await.unwrap();
    assert!(PgConnection::connect(sandbox.postgres("auth")).await.is_err());
    assert!(engines.kill9(Engine::Redis).await.is_err(), "the shared Redis must not be killed");

    engines.start_again(Engine::Postgres).await.unwrap();
    let mut connection = PgConnection::connect(sandbox.postgres("auth")).await.unwrap();
    let id: i32 = sqlx::query_scalar("SELECT id FROM things").fetch_one(&mut connection).await.unwrap();
    assert_eq!(id, 7);
}
