//! What the services use of the engine works in it.

use kit::eventually;

use crate::adapter::{Adapter, Folder, PATIENCE};

async fn shop(name: &str) -> (Folder, Adapter) {
    let folder = Folder::new(name);
    let adapter = Adapter::with_shop(&folder.0, &[]).await;
    (folder, adapter)
}

#[tokio::test]
async fn aggregate_projections_are_used() {
    let (_folder, adapter) = shop("projections").await;
    adapter
        .ask(
            "CREATE TABLE clicks (offset UInt64, at DateTime64(3, 'UTC'), code LowCardinality(String), visitor FixedString(8), \
             day Date, PROJECTION daily (SELECT code, toStartOfDay(at), count(), uniqCombined(visitor), max(offset) \
             GROUP BY code, toStartOfDay(at))) ENGINE = MergeTree PARTITION BY day ORDER BY (code, at)",
        )
        .await;
    adapter
        .ask(
            "INSERT INTO clicks SELECT number, toDateTime64('2026-11-20 01:00:00', 3, 'UTC') + number, \
             concat('c', toString(number % 5)), leftPad(toString(number % 1000), 8, '0'), '2026-11-20' FROM numbers(100000)",
        )
        .await;
    let select = "SELECT code, toStartOfDay(at) AS d, count(), uniqCombined(visitor) FROM clicks GROUP BY code, d ORDER BY code, d LIMIT 1";
    assert_eq!(adapter.ask(select).await, "c0\t2026-11-20 00:00:00\t16560\t200");
    let forced = format!("{select} SETTINGS force_optimize_projection = 1");
    assert_eq!(adapter.ask(&forced).await, adapter.ask(select).await);
    let local = "SELECT toStartOfDay(at, 'America/Sao_Paulo') AS d, count() FROM clicks GROUP BY d ORDER BY d LIMIT 1";
    assert_eq!(adapter.ask(local).await, "2026-11-19 00:00:00\t7200");
    assert_eq!(adapter.ask("SELECT max(offset) FROM clicks SETTINGS force_optimize_projection = 1").await, "99999");
}

#[tokio::test]
async fn rows_are_replaced_expired_and_deleted() {
    let (_folder, adapter) = shop("merges").await;
    adapter
        .ask("CREATE TABLE r (k UInt64, v UInt8, version UInt64) ENGINE = ReplacingMergeTree(version) ORDER BY k")
        .await;
    adapter.ask("INSERT INTO r VALUES (1, 1, 1)").await;
    adapter.ask("INSERT INTO r VALUES (1, 2, 2)").await;
    assert_eq!(adapter.ask("SELECT v FROM r FINAL").await, "2");
    adapter.ask("OPTIMIZE TABLE r FINAL").await;
    assert_eq!(adapter.ask("SELECT v FROM r").await, "2");

    adapter.ask("CREATE TABLE e (at DateTime, x UInt8) ENGINE = MergeTree ORDER BY x TTL at + INTERVAL 1 DAY").await;
    adapter.ask("INSERT INTO e VALUES ('2020-01-01 00:00:00', 1), (now(), 2)").await;
    adapter.ask("OPTIMIZE TABLE e FINAL").await;
    assert_eq!(adapter.ask("SELECT x FROM e").await, "2");

    adapter.ask("CREATE TABLE d (x UInt64) ENGINE = MergeTree ORDER BY x").await;
    adapter.ask("INSERT INTO d SELECT number FROM numbers(10)").await;
    adapter.ask("DELETE FROM d WHERE x < 3").await;
    adapter.ask("ALTER TABLE d DELETE WHERE x > 7 SETTINGS mutations_sync = 1").await;
    assert_eq!(adapter.ask("SELECT count(), min(x), max(x) FROM d").await, "5\t3\t7");
}

#[tokio::test]
async fn parts_are_merged_in_the_background() {
    let (_folder, adapter) = shop("background").await;
    adapter.ask("CREATE TABLE t (x UInt64) ENGINE = MergeTree ORDER BY x").await;
    for number in 0..12 {
        adapter.ask(&format!("INSERT INTO t VALUES ({number})")).await;
    }
    eventually(PATIENCE, "parts to be merged", async || {
        let parts: u64 = adapter.ask("SELECT count() FROM system.parts WHERE active").await.parse().unwrap();
        Ok((parts < 12).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(adapter.ask("SELECT count() FROM t").await, "12");
}

#[tokio::test]
async fn views_are_kept_up_and_tokens_deduplicate() {
    let (_folder, adapter) = shop("views").await;
    adapter.ask("CREATE TABLE t (x UInt64) ENGINE = MergeTree ORDER BY x").await;
    adapter
        .ask("CREATE MATERIALIZED VIEW v ENGINE = SummingMergeTree ORDER BY parity AS SELECT x % 2 AS parity, count() AS n FROM t GROUP BY parity")
        .await;
    adapter.ask("INSERT INTO t VALUES (1), (2), (3)").await;
    assert_eq!(adapter.ask("SELECT sum(n) FROM v WHERE parity = 1").await, "2");

    let window = "SETTINGS non_replicated_deduplication_window = 100";
    adapter.ask(&format!("CREATE TABLE once (x UInt64) ENGINE = MergeTree ORDER BY x {window}")).await;
    for _ in 0..2 {
        adapter.ask("INSERT INTO once SETTINGS insert_deduplication_token = 'one' VALUES (1), (2), (3)").await;
    }
    assert_eq!(adapter.ask("SELECT count() FROM once").await, "3");
}
