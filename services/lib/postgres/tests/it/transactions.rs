//! Transactions on a real Postgres.

use contracts::{envelope::Event, event::auth::UserDeleted};
use kit::{Engine, Sandbox};
use postgres::Db;
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

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

    let (db, holder) = (Db::from(pool.clone()), Db::from(others.clone()).begin_with(BEGIN).await.unwrap());
    tokio::select! {
        _ = db.begin_with(BEGIN) => panic!("it began beside another"),
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
    let pool = postgres::pool(&settings, 2).unwrap();
    let mut alone = Db::from(pool.clone()).begin().await.unwrap();
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
    let pool = postgres::pool(&settings, 3).unwrap();
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

#[tokio::test]
async fn what_is_to_be_told_is_told_after_the_commit_and_only_then() {
    let sandbox = Sandbox::only(&[Engine::Postgres]).await.unwrap();
    let db = Db::from(PgPool::connect(sandbox.postgres("auth")).await.unwrap());
    sqlx::query("CREATE TABLE written (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)")
        .execute(db.pool())
        .await
        .unwrap();
    let told = Arc::new(AtomicUsize::new(0));
    let write = async || {
        let (mut tx, told) = (db.begin().await.unwrap(), Arc::clone(&told));
        tx.on_commit(move || _ = told.fetch_add(1, Ordering::SeqCst));
        sqlx::query("INSERT INTO written VALUES (1)").execute(&mut *tx).await.unwrap();
        tx
    };
    drop(write().await);
    write().await.rollback().await.unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 0);
    write().await.commit().await.unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 1);
    // The key is looked at when it commits.
    write().await.commit().await.unwrap_err();
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_commit_wakes_who_listens_when_there_are_messages() {
    let sandbox = Sandbox::only(&[Engine::Postgres]).await.unwrap();
    let db = Db::from(PgPool::connect(sandbox.postgres("auth")).await.unwrap());
    postgres::prepare(db.pool()).await.unwrap();
    let mut commits = db.clone().commits();
    db.begin().await.unwrap().commit().await.unwrap();
    assert!(!commits.has_changed().unwrap(), "there is nothing to publish");
    let mut tx = db.begin().await.unwrap();
    let data = UserDeleted { user_id: Uuid::now_v7(), deleted_at: chrono::Utc::now() };
    tx.enqueue(Event::new("a", 1, data)).unwrap();
    assert!(!commits.has_changed().unwrap(), "it may still be rolled back");
    tx.commit().await.unwrap();
    assert!(commits.has_changed().unwrap());
    commits.mark_unchanged();
    let mut tx = db.begin().await.unwrap();
    tx.enqueue_all([]);
    tx.commit().await.unwrap();
    assert!(!commits.has_changed().unwrap());
}
