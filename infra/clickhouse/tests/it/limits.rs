//! Too many, too long, too large; and what runs can be seen and ended.

use std::sync::Arc;

use kit::eventually;

use crate::adapter::{Adapter, Folder, PATIENCE};

const SHOP: (&str, &str) = ("shop", "secret");
const ENDLESS: &str = "SELECT sum(cityHash64(number)) FROM numbers(1000000000000)";

async fn running(adapter: &Adapter) -> Option<()> {
    let found = adapter.ask("SELECT count() FROM system.processes WHERE query LIKE 'SELECT sum(city%'").await;
    (found == "1").then_some(())
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() {
    let folder = Folder::new("long");
    let adapter = Adapter::with_shop(&folder.0, &["--max-seconds=1"]).await;
    let answer = adapter.run(SHOP, ENDLESS).await;
    assert_eq!((answer.status, answer.code), (408, Some(159)), "{}", answer.text);
    let answer = adapter.send(SHOP, &[("max_execution_time", "0.1")], ENDLESS).await;
    assert_eq!(answer.code, Some(159), "{}", answer.text);
}

#[tokio::test]
async fn running_statements_are_seen_and_killed() {
    let folder = Folder::new("kill");
    let adapter = Arc::new(Adapter::with_shop(&folder.0, &[]).await);
    let endless = {
        let adapter = Arc::clone(&adapter);
        tokio::spawn(async move { adapter.send(SHOP, &[("query_id", "endless")], ENDLESS).await })
    };
    eventually(PATIENCE, "it to run", async || Ok(running(&adapter).await)).await.unwrap();
    adapter.ask("KILL QUERY WHERE Settings['log_comment'] = 'endless' SYNC").await;
    let answer = endless.await.unwrap();
    assert_eq!(answer.code, Some(394), "{}", answer.text);
}

#[tokio::test]
async fn a_full_queue_is_told() {
    let folder = Folder::new("queue");
    let adapter = Arc::new(Adapter::with_shop(&folder.0, &["--concurrency=1", "--queue=1", "--max-seconds=5"]).await);
    adapter.ask("SELECT 1").await;
    let many = (0..4).map(|_| {
        let adapter = Arc::clone(&adapter);
        tokio::spawn(async move { adapter.run(SHOP, "SELECT sleep(1)").await })
    });
    let many: Vec<_> = many.collect();
    let mut refused = 0;
    for one in many {
        let answer = one.await.unwrap();
        match (answer.status, answer.code) {
            (200, None) => {}
            (503, Some(202)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!((2..=3).contains(&refused), "{refused} refused");
    assert_eq!(adapter.ask("SELECT 2").await, "2");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let folder = Folder::new("body");
    let adapter = Adapter::with_shop(&folder.0, &["--max-body=1000"]).await;
    adapter.ask("CREATE TABLE t (x UInt8) ENGINE = Memory").await;
    let pairs = [("query", "INSERT INTO t FORMAT RowBinary")];
    let answer = adapter.send(SHOP, &pairs, vec![7; 1001]).await;
    assert_eq!((answer.status, answer.code), (413, Some(445)), "{}", answer.text);
    assert_eq!(adapter.send(SHOP, &pairs, vec![7; 1000]).await.status, 200);
    assert_eq!(adapter.ask("SELECT count() FROM t").await, "1000");
}

#[tokio::test]
async fn an_idle_engine_stops_and_comes_back() {
    let folder = Folder::new("idle");
    let adapter = Adapter::with_shop(&folder.0, &["--idle-seconds=1"]).await;
    adapter.ask("CREATE TABLE t (x UInt8) ENGINE = MergeTree ORDER BY x").await;
    adapter.ask("INSERT INTO t VALUES (1)").await;
    eventually(PATIENCE, "engines to stop", async || Ok(adapter.engines().is_empty().then_some(()))).await.unwrap();
    assert_eq!(adapter.ask("SELECT x FROM t").await, "1");
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_stream() {
    let folder = Folder::new("leave");
    let adapter = Adapter::with_shop(&folder.0, &[]).await;
    let client = adapter.client();
    let mut cursor = client.query("SELECT number FROM numbers(100000000000)").fetch::<u64>().unwrap();
    assert_eq!(cursor.next().await.unwrap(), Some(0));
    drop(cursor);
    eventually(PATIENCE, "nothing else to run", async || {
        Ok((adapter.ask("SELECT count() FROM system.processes").await == "1").then_some(()))
    })
    .await
    .unwrap();
}
