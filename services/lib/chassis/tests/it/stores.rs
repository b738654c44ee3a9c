//! Stores that are away, or cannot do their work for the moment, on real engines.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use chassis::{http::Failure, postgres::Db};
use contracts::problem::Code;
use kit::{Engine, Sandbox};
use mongodb::{Client, bson::doc};
use sqlx::{AssertSqlSafe, PgPool};
use std::time::Duration;

/// What a client is told of the error, also when it is wrapped.
fn told(error: impl Into<anyhow::Error>) -> Code {
    let failure = Failure::internal(error.into().context("it could not be done"));
    let code = failure.code();
    let response = failure.into_response();
    assert_eq!(response.headers().contains_key("retry-after"), code == Code::Unavailable);
    assert_eq!(response.status(), StatusCode::from_u16(code.status()).unwrap());
    code
}

#[tokio::test]
async fn what_postgres_says_of_its_state_is_told_as_unavailable_and_what_it_says_of_a_statement_is_not() {
    let sandbox = Sandbox::only(&[Engine::Postgres]).await.unwrap();
    let pool = PgPool::connect(sandbox.postgres("auth")).await.unwrap();
    let states = [
        "25006", "28000", "28P01", "53100", "53200", "53300", "55P03", "57P01", "57P03", "58030", "08006", "40001",
        "40P01",
    ];
    let mistakes = ["23505", "42P01", "42501", "22P02", "0A000"];
    for (codes, expected) in [(&states[..], Code::Unavailable), (&mistakes[..], Code::Internal)] {
        for code in codes {
            let raise = format!("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$");
            let error = sqlx::raw_sql(AssertSqlSafe(raise)).execute(&pool).await.unwrap_err();
            assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some(*code));
            assert_eq!(told(error), expected, "{code}");
        }
    }
}

#[tokio::test]
async fn a_postgres_that_only_reads_has_no_connection_or_is_too_slow_is_away() {
    let sandbox = Sandbox::only(&[Engine::Postgres]).await.unwrap();
    let settings = chassis::config::Postgres { url: sandbox.postgres("auth").into(), max_connections: 1 };
    let pool = || chassis::postgres::pool(&settings, 1).unwrap();
    let holder = pool();
    sqlx::query("CREATE TABLE written (id int)").execute(&holder).await.unwrap();

    let reading = pool();
    let mut lock = Db::from(holder.clone()).begin().await.unwrap();
    sqlx::query("LOCK TABLE written").execute(&mut *lock).await.unwrap();
    for (limit, code) in [("lock_timeout", "55P03"), ("statement_timeout", "57014")] {
        let mut waiting = Db::from(reading.clone()).begin().await.unwrap();
        let set = format!("SET LOCAL {limit} = '20ms'");
        sqlx::query(AssertSqlSafe(set)).execute(&mut *waiting).await.unwrap();
        let late = sqlx::query("INSERT INTO written VALUES (1)").execute(&mut *waiting).await.unwrap_err();
        assert_eq!(late.as_database_error().unwrap().code().as_deref(), Some(code));
        assert_eq!(told(late), Code::Unavailable, "{limit}");
    }
    assert_eq!(told(holder.acquire().await.unwrap_err()), Code::Unavailable, "no connection of the pool's is free");
    drop(lock);

    sandbox.alter_role("auth", "SET default_transaction_read_only = on").await.unwrap();
    let refused = sqlx::query("INSERT INTO written VALUES (1)").execute(&pool()).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("25006"));
    assert_eq!(told(refused), Code::Unavailable);

    sandbox.alter_role("auth", "NOLOGIN").await.unwrap();
    assert_eq!(told(pool().acquire().await.unwrap_err()), Code::Unavailable, "the server takes no log-in");

    sandbox.alter_role("auth", "LOGIN CONNECTION LIMIT 0").await.unwrap();
    assert_eq!(told(pool().acquire().await.unwrap_err()), Code::Unavailable, "the server has no connection left");
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
    assert!(chassis::mongo::is_away(&unmet), "{unmet:?}");
    assert_eq!(told(unmet), Code::Unavailable);
    let wrong_password = login.url.replacen('@', "x@", 1);
    assert_eq!(told(insert(wrong_password, 3).await.unwrap_err()), Code::Unavailable);
    let gone = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50".to_owned();
    let began = std::time::Instant::now();
    assert_eq!(told(insert(gone, 4).await.unwrap_err()), Code::Unavailable);
    assert!(began.elapsed() < Duration::from_secs(10));
}
