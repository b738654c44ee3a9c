//! Sandboxes: every login works, and opens nothing that belongs to others.

use bson::doc;
use kit::{Engine, Sandbox, eventually};
use mongodb::Client;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::time::Duration;

const FOUR: &[Engine] = &[Engine::Postgres, Engine::Mongo, Engine::Redis, Engine::Rabbitmq];

#[tokio::test]
async fn postgres_logins_open_their_own_database_only() {
    let (mine, other) = tokio::try_join!(Sandbox::only(FOUR), Sandbox::only(&[Engine::Postgres])).unwrap();
    let mut connection = PgConnection::connect(mine.postgres("auth")).await.unwrap();
    connection.execute("CREATE TABLE things (id int)").await.unwrap();
    let own = mine.postgres("auth");
    let foreign = other.postgres("auth").rsplit_once('/').unwrap().1.to_owned();
    for database in [foreign.as_str(), "postgres", "template1"] {
        let url = format!("{}/{database}", own.rsplit_once('/').unwrap().0);
        let error = PgConnection::connect(&url).await.unwrap_err().to_string();
        assert!(error.contains("permission denied"), "{error}");
    }
}

#[tokio::test]
async fn mongo_logins_open_their_own_database_only() {
    let (mine, other) = tokio::try_join!(Sandbox::only(&[Engine::Mongo]), Sandbox::only(&[Engine::Mongo])).unwrap();
    let login = mine.mongo("shortener");
    let client = Client::with_uri_str(&login.url).await.unwrap();
    client.database(&login.database).collection("things").insert_one(doc! { "a": 1 }).await.unwrap();
    let foreign = client.database(&other.mongo("shortener").database);
    let error = foreign.collection::<bson::Document>("things").insert_one(doc! { "a": 1 }).await.unwrap_err();
    assert!(error.to_string().contains("not authorized"), "{error}");
    client.shutdown().await;
}

#[tokio::test]
async fn redis_logins_see_their_own_keys_only() {
    let sandbox = Sandbox::only(&[Engine::Redis]).await.unwrap();
    let (mine, other) = (sandbox.redis("shortener"), sandbox.redis("gateway"));
    let mut connection =
        redis::Client::open(mine.url.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let set = |key: String| redis::cmd("SET").arg(key).arg(1).to_owned();
    set(format!("{}a", mine.prefix)).query_async::<()>(&mut connection).await.unwrap();
    let error = set(format!("{}a", other.prefix)).query_async::<()>(&mut connection).await.unwrap_err();
    assert_eq!(error.code(), Some("NOPERM"), "{error}");
}

#[tokio::test]
async fn dropped_sandboxes_leave_nothing_on_the_broker() {
    let sandbox = Sandbox::only(FOUR).await.unwrap();
    let (name, addresses) = (sandbox.name().to_owned(), sandbox.engines().clone());
    drop(sandbox);
    let hosts = reqwest::get(format!("{}/api/vhosts", addresses.management_url())).await.unwrap().text().await.unwrap();
    assert!(!hosts.contains(&format!("\"{name}\"")), "{hosts}");
}

#[tokio::test]
async fn databases_of_dead_processes_go_and_those_of_the_living_stay() {
    let living = Sandbox::of("auth").await.unwrap();
    let address = &living.engines().postgres;
    let mut admin = PgConnection::connect(&format!("{}/postgres", address.url("postgres"))).await.unwrap();
    // No process with this id began at this time.
    let dead = format!("t1x1x{}_auth", std::process::id());
    admin.execute(AssertSqlSafe(format!("CREATE ROLE {dead}"))).await.unwrap();
    admin.execute(AssertSqlSafe(format!("CREATE DATABASE {dead}"))).await.unwrap();
    let swept = eventually(Duration::from_secs(60), "the dead to be swept", async || {
        // Whoever comes next sweeps, unless somebody is at it.
        Sandbox::of("auth").await?;
        let query =
            "SELECT count(*) FROM (SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles) names
                     WHERE datname = $1";
        let left: i64 = sqlx::query_scalar(query).bind(&dead).fetch_one(&mut admin).await?;
        Ok((left == 0).then_some(()))
    });
    swept.await.unwrap();
    assert!(PgConnection::connect(living.postgres("auth")).await.is_ok());
}
