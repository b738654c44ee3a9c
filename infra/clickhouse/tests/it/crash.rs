//! What is left when a process dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kit::eventually;

use crate::adapter::{Adapter, Folder, PATIENCE, kill};

/// Rows of one insert.
const BLOCK: u64 = 5_000;

/// Inserts blocks one after the other, each row with the number of its block, until it fails; counts what was acknowledged.
async fn insert_blocks(adapter: &Adapter, acknowledged: &AtomicU64) {
    let body = |block: u64| (0..BLOCK).map(|row| format!("{block},{row}\n")).collect::<String>();
    for block in 0.. {
        let pairs = [("query", "INSERT INTO t FORMAT CSV"), ("user", "shop"), ("password", "secret")];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let request = http::Request::post(format!("{}/?{query}", adapter.url()));
        let answer = adapter.request(request.body(body(block).into()).unwrap()).await;
        if answer.is_none_or(|answer| answer.status != 200) {
            return;
        }
        acknowledged.store(block + 1, Ordering::SeqCst);
    }
}

/// Kills in the middle of inserts, and checks what a later engine finds.
async fn survives(name: &str, death: fn(&Adapter)) {
    let folder = Folder::new(name);
    let adapter = Arc::new(Adapter::with_shop(&folder.0, &[]).await);
    adapter.ask("CREATE TABLE t (block UInt64, row UInt64) ENGINE = MergeTree ORDER BY (block, row)").await;
    let acknowledged = Arc::new(AtomicU64::new(0));
    let inserts = {
        let (adapter, acknowledged) = (Arc::clone(&adapter), Arc::clone(&acknowledged));
        tokio::spawn(async move { insert_blocks(&adapter, &acknowledged).await })
    };
    let enough = async || Ok((acknowledged.load(Ordering::SeqCst) >= 20).then_some(()));
    eventually(PATIENCE, "some blocks to be in", enough).await.unwrap();
    death(&adapter);
    inserts.await.unwrap();
    drop(adapter);

    let adapter = Adapter::start(&folder.0, &[]);
    let partial = format!("SELECT count() FROM (SELECT block FROM t GROUP BY block HAVING count() != {BLOCK})");
    assert_eq!(adapter.ask(&partial).await, "0", "there are parts of blocks");
    let blocks: u64 = adapter.ask("SELECT uniqExact(block) FROM t").await.parse().unwrap();
    let acknowledged = acknowledged.load(Ordering::SeqCst);
    // The one that was under way may have made it without having been acknowledged.
    assert!((acknowledged..=acknowledged + 1).contains(&blocks), "{blocks} of {acknowledged} acknowledged blocks");
}

#[tokio::test]
async fn acknowledged_blocks_survive_a_killed_engine() {
    survives("engine", |adapter| kill(*adapter.engines().first().unwrap(), "-KILL")).await;
}

#[tokio::test]
async fn acknowledged_blocks_survive_a_killed_adapter() {
    survives("adapter", |adapter| adapter.signal("-KILL")).await;
}

#[tokio::test]
async fn a_killed_engine_is_replaced() {
    let folder = Folder::new("replaced");
    let adapter = Adapter::with_shop(&folder.0, &[]).await;
    adapter.ask("CREATE TABLE t (x Int32) ENGINE = MergeTree ORDER BY x").await;
    adapter.ask("INSERT INTO t VALUES (1)").await;
    kill(adapter.engines()[0], "-KILL");
    // A request that meets the dying process fails; the next one meets its successor.
    let answer = eventually(PATIENCE, "an engine to answer", async || {
        let answer = adapter.run(("shop", "secret"), "SELECT x FROM t").await;
        Ok((answer.status == 200).then_some(answer))
    });
    assert_eq!(answer.await.unwrap().text, "1\n");
}

#[tokio::test]
async fn engines_end_with_the_adapter() {
    let folder = Folder::new("orphans");
    let adapter = Adapter::with_shop(&folder.0, &[]).await;
    adapter.ask("SELECT 1").await;
    let engine = adapter.engines()[0];
    adapter.signal("-KILL");
    drop(adapter);
    let there = || std::fs::read_to_string(format!("/proc/{engine}/cmdline")).is_ok_and(|text| text.contains("engine"));
    eventually(PATIENCE, "the engine to be gone", async || Ok((!there()).then_some(()))).await.unwrap();
}

#[tokio::test]
async fn a_stop_lets_statements_finish() {
    let folder = Folder::new("stop");
    let adapter = Arc::new(Adapter::with_shop(&folder.0, &[]).await);
    let running = {
        let adapter = Arc::clone(&adapter);
        tokio::spawn(async move { adapter.ask("SELECT sleep(1.5), 'finished'").await })
    };
    eventually(PATIENCE, "it to run", async || {
        let found = adapter.ask("SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep%'").await;
        Ok((found == "1").then_some(()))
    })
    .await
    .unwrap();
    adapter.signal("-TERM");
    assert_eq!(running.await.unwrap(), "0\tfinished");
    assert!(Arc::into_inner(adapter).unwrap().ended().await);
}
