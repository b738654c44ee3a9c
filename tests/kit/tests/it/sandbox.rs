//! Sandboxes: every login works, and opens nothing that belongs to others.

use bson::doc;
use kit::{Engine, Sandbox};
use mongodb::Client;
use sqlx::{Connection as _, Executor as _, PgConnection};

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
async fn dropped_sandboxes_leave_nothing() {
    let sandbox = Sandbox::only(FOUR).await.unwrap();
    let (name, addresses) = (sandbox.name().to_owned(), sandbox.engines().clone());
    drop(sandbox);
    let mut admin = PgConnection::connect(&format!("{}/postgres", addresses.postgres.url("postgres"))).await.unwrap();
    let query = "SELECT datname::text FROM pg_database UNION SELECT rolname::text FROM pg_roles";
    let names: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut admin).await.unwrap();
    assert!(!names.iter().any(|found| found.starts_with(&name)), "{names:?}");
    let hosts = reqwest::get(format!("{}/api/vhosts", addresses.management_url())).await.unwrap().text().await.unwrap();
    assert!(!hosts.contains(&format!("\"{name}\"")), "{hosts}");
}
