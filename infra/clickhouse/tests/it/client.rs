//! The official client works unchanged.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::adapter::{Adapter, Folder};

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Click {
    code: String,
    at: i64,
    bot: bool,
    country: Option<String>,
}

fn click(number: i64) -> Click {
    let country = (number % 2 == 0).then(|| "BR".to_owned());
    Click { code: format!("code{}", number % 10), at: 1_700_000_000_000 + number, bot: number % 3 == 0, country }
}

const TABLE: &str = "CREATE TABLE clicks (code LowCardinality(String), at DateTime64(3, 'UTC'), bot Bool, \
                     country Nullable(String)) ENGINE = MergeTree ORDER BY (code, at)";

async fn shop(name: &str) -> (Folder, Adapter, clickhouse::Client) {
    let folder = Folder::new(name);
    let adapter = Adapter::with_shop(&folder.0, &[]).await;
    let client = adapter.client();
    client.query(TABLE).execute().await.unwrap();
    (folder, adapter, client)
}

async fn insert(client: &clickhouse::Client, rows: i64) -> clickhouse::error::Result<()> {
    let mut insert = client.insert::<Click>("clicks").await?;
    for number in 0..rows {
        insert.write(&click(number)).await?;
    }
    insert.end().await
}

#[tokio::test]
async fn rows_go_in_and_come_out() {
    let (_folder, _adapter, client) = shop("rows").await;
    insert(&client, 10).await.unwrap();
    let rows: Vec<Click> = client.query("SELECT ?fields FROM clicks ORDER BY at").fetch_all().await.unwrap();
    assert_eq!(rows, (0..10).map(click).collect::<Vec<_>>());
    let none: Vec<Click> = client.query("SELECT ?fields FROM clicks WHERE 0").fetch_all().await.unwrap();
    assert_eq!(none, []);
}

#[tokio::test]
async fn parameters_and_settings_are_passed_on() {
    let (_folder, _adapter, client) = shop("parameters").await;
    insert(&client, 10).await.unwrap();
    let count = client.query("SELECT count() FROM clicks WHERE code = {code:String}").param("code", "code3");
    assert_eq!(count.fetch_one::<u64>().await.unwrap(), 1);
    let text = "it's\ta \\ b\n\u{1f600}";
    let echo: String = client.query("SELECT {text:String}").param("text", text).fetch_one().await.unwrap();
    assert_eq!(echo, text);
    let bound: String = client.query("SELECT ?").bind(text).fetch_one().await.unwrap();
    assert_eq!(bound, text);
    let threads = client.query("SELECT toUInt64(getSetting('max_threads'))").with_setting("max_threads", "3");
    assert_eq!(threads.fetch_one::<u64>().await.unwrap(), 3);
    let comment = client.query("SELECT toString(getSetting('log_comment'))").with_setting("query_id", "my-query");
    assert_eq!(comment.fetch_one::<String>().await.unwrap(), "my-query");
}

#[tokio::test]
async fn a_large_insert_is_one_part_and_a_large_result_is_streamed() {
    let (_folder, adapter, client) = shop("large").await;
    insert(&client, 300_000).await.unwrap();
    assert_eq!(
        adapter.ask("SELECT count(), sum(rows), max(level) FROM system.parts WHERE active").await,
        "1\t300000\t0"
    );
    let mut cursor = client.query("SELECT ?fields FROM clicks ORDER BY at").fetch::<Click>().unwrap();
    let mut number = 0;
    while let Some(row) = cursor.next().await.unwrap() {
        assert_eq!(row, click(number));
        number += 1;
    }
    assert_eq!(number, 300_000);
}

#[tokio::test]
async fn a_cut_insert_leaves_nothing() {
    let (_folder, adapter, client) = shop("cut").await;
    let mut insert = client.insert::<Click>("clicks").await.unwrap();
    for number in 0..50_000 {
        insert.write(&click(number)).await.unwrap();
    }
    drop(insert);
    let pairs = [("query", "INSERT INTO clicks (code) FORMAT RowBinary")];
    let cut = adapter.send(("shop", "secret"), &pairs, &b"\x03abc\x05de"[..]).await;
    assert_eq!((cut.status, cut.code), (500, Some(33)), "{}", cut.text);
    assert_eq!(adapter.ask("SELECT count() FROM clicks").await, "0");
}

#[tokio::test]
async fn errors_are_told_at_the_start_and_in_the_middle() {
    let (_folder, _adapter, client) = shop("errors").await;
    let missing = client.query("SELECT count() FROM missing").fetch_one::<u64>().await.unwrap_err();
    assert!(missing.to_string().contains("UNKNOWN_TABLE"), "{missing}");
    let sql = "SELECT number, throwIf(number = 900000) FROM numbers(1000000)";
    let mut cursor = client.query(sql).fetch::<(u64, u8)>().unwrap();
    let failure = loop {
        match cursor.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the failure was lost"),
            Err(error) => break error,
        }
    };
    assert!(failure.to_string().contains("FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"), "{failure}");
}

#[tokio::test]
async fn formats_and_headers_are_those_of_a_server() {
    let (_folder, adapter, _client) = shop("formats").await;
    let login = ("shop", "secret");
    let pairs = [("query", "INSERT INTO clicks (code, at) FORMAT JSONEachRow"), ("query_id", "one")];
    let inserted = adapter.send(login, &pairs, r#"{"code":"a","at":"2026-01-01 00:00:00"}"#).await;
    assert_eq!((inserted.status, inserted.text.as_str()), (200, ""));
    assert_eq!(inserted.headers["x-clickhouse-query-id"], "one");
    assert!(inserted.headers["x-clickhouse-summary"].to_str().unwrap().contains(r#""written_rows":"1""#));
    let json = adapter.send(login, &[("default_format", "JSONEachRow")], "SELECT code, at FROM clicks").await;
    assert_eq!(json.text, "{\"code\":\"a\",\"at\":\"2026-01-01 00:00:00.000\"}\n");
    assert_eq!(json.headers["x-clickhouse-format"], "JSONEachRow");
    let csv = adapter.run(login, "SELECT code FROM clicks FORMAT CSVWithNames").await;
    assert_eq!(
        (csv.text.as_str(), csv.headers["content-type"].to_str().unwrap()),
        ("\"code\"\n\"a\"\n", "text/csv; charset=UTF-8")
    );
    let unknown = adapter.send(login, &[("no_such_setting", "1")], "SELECT 1").await;
    assert_eq!((unknown.status, unknown.code), (404, Some(115)));
    let session = adapter.send(login, &[("session_id", "a")], "SELECT 1").await;
    assert_eq!((session.status, session.code), (501, Some(48)));
}
