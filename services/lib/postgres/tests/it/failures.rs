//! Stores that are away, or cannot do their work for the moment, on real engines.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use contracts::problem::Code;
use kit::{Engine, Sandbox};
use postgres::Db;
use sqlx::{AssertSqlSafe, PgPool};

/// What a client is told of the error, also when it is wrapped.
fn told(error: impl Into<anyhow::Error>) -> Code {
    let failure = postgres::failure(error.into().context("it could not be done"));
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
    let pool = || postgres::pool(&settings, 1).unwrap();
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
