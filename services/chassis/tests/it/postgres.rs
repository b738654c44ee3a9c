//! Transactions on a real Postgres.

use kit::{Engine, Sandbox};
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::time::Duration;

const BEGIN: &str = "BEGIN; SELECT pg_advisory_xact_lock(1)";

/// Ends when somebody waits for a lock in the database.
async fn until_somebody_waits(pool: &PgPool) {
    let query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let waits = async || {
        let waiting: i64 = sqlx::query_scalar(query).fetch_one(pool).await?;
        Ok((waiting > 0).then_some(()))
    };
    kit::eventually(Duration::from_secs(60), "somebody to wait", waits).await.unwrap();
}

#[tokio::test]
async fn a_begin_that_is_given_up_leaves_no_transaction_open() {
    let sandbox = Sandbox::only(&[Engine::Postgres]).await.unwrap();
    let connect = |most| PgPoolOptions::new().max_connections(most).connect(sandbox.postgres("auth"));
    let (pool, others) = (connect(1).await.unwrap(), connect(2).await.unwrap());
    sqlx::query("CREATE TABLE written (id int)").execute(&others).await.unwrap();

    let holder = chassis::postgres::begin_with(&others, BEGIN).await.unwrap();
    tokio::select! {
        _ = chassis::postgres::begin_with(&pool, BEGIN) => panic!("it began beside another"),
        () = until_somebody_waits(&others) => {}
    }
    holder.commit().await.unwrap();

    sqlx::query("INSERT INTO written VALUES (1)").execute(&pool).await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM written").fetch_one(&others).await.unwrap();
    assert_eq!(seen, 1, "what was written afterwards is committed");
}

#[tokio::test]
async fn a_transaction_that_is_left_alone_is_ended_by_the_database() {
    let sandbox = Sandbox::only(&[Engine::Postgres]).await.unwrap();
    let settings = chassis::config::Postgres { url: sandbox.postgres("auth").into(), max_connections: 2 };
    let pool = chassis::postgres::pool(&settings, 2).unwrap();
    let mut alone = chassis::postgres::begin(&pool).await.unwrap();
    // Sooner than in production, by the same switch.
    let limit: String =
        sqlx::query_scalar("SHOW idle_in_transaction_session_timeout").fetch_one(&mut *alone).await.unwrap();
    assert_eq!(limit, "30s");
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = '50ms'").execute(&mut *alone).await.unwrap();
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *alone).await.unwrap();

    let ended = async || {
        let query = sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE pid = $1").bind(pid);
        let there: i64 = query.fetch_one(&pool).await?;
        Ok((there == 0).then_some(()))
    };
    kit::eventually(Duration::from_secs(60), "the database to end it", ended).await.unwrap();
    assert!(sqlx::query("SELECT 1").execute(&mut *alone).await.is_err());
}

#[tokio::test]
async fn connections_to_what_became_a_standby_are_made_anew() {
    let sandbox = Sandbox::only(&[Engine::Postgres]).await.unwrap();
    let settings = chassis::config::Postgres { url: sandbox.postgres("auth").into(), max_connections: 3 };
    let pool = chassis::postgres::pool(&settings, 3).unwrap();
    sqlx::query("CREATE TABLE written (id int)").execute(&pool).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = pool.acquire().await.unwrap();
        // What sessions are on a server that became a standby.
        let demoted = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
        sqlx::query(demoted).execute(&mut *connection).await.unwrap();
        held.push(connection);
    }
    drop(held);
    let written = async || Ok(Some(sqlx::query("INSERT INTO written VALUES (1)").execute(&pool).await?));
    kit::eventually(Duration::from_secs(10), "a connection that takes writes", written).await.unwrap();
    for _ in 0..6 {
        sqlx::query("INSERT INTO written VALUES (2)").execute(&pool).await.expect("all of them are new");
    }
}
