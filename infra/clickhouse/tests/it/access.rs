//! Who gets in, and how far.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::adapter::{ADMIN, Adapter, Answer, Folder, Login, SECRET_SHA256, write_login};

const SHOP: Login = ("shop", "secret");

fn outcome(answer: &Answer) -> (u16, Option<u16>) {
    (answer.status, answer.code)
}

#[tokio::test]
async fn every_way_to_log_in_works() {
    let folder = Folder::new("login");
    let adapter = Adapter::with_shop(&folder.0, &[]).await;
    let ask = |url: String, header: Option<(&'static str, &'static str)>| {
        let mut request = Request::get(url);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        adapter.request(request.body(Full::<Bytes>::default()).unwrap())
    };
    let url = |more: &str| format!("{}/?query=SELECT%201{more}", adapter.url());
    // `shop:secret`, and `shop:wrong`.
    let basic = ask(url(""), Some(("authorization", "Basic c2hvcDpzZWNyZXQ="))).await.unwrap();
    assert_eq!((basic.status, basic.text.as_str()), (200, "1\n"));
    let wrong = ask(url(""), Some(("authorization", "Basic c2hvcDp3cm9uZw=="))).await.unwrap();
    assert_eq!(outcome(&wrong), (403, Some(516)));
    assert_eq!(ask(url("&user=shop&password=secret"), None).await.unwrap().status, 200);
    assert_eq!(outcome(&ask(url("&user=nobody&password=x"), None).await.unwrap()), (403, Some(516)));
    assert_eq!(outcome(&ask(url(""), None).await.unwrap()), (401, Some(194)));
    assert_eq!(ask(format!("{}/ping", adapter.url()), None).await.unwrap().text, "Ok.\n");
    assert_eq!(ask(format!("{}/play", adapter.url()), None).await.unwrap().status, 404);
}

#[tokio::test]
async fn a_login_reaches_its_own_database_only() {
    let folder = Folder::new("reach");
    let adapter = Adapter::with_shop(&folder.0, &[]).await;
    adapter.run(ADMIN, "CREATE DATABASE other").await;
    let in_other = [("database", "other")];
    adapter.send(ADMIN, &in_other, "CREATE TABLE t (x Int32) ENGINE = MergeTree ORDER BY x").await;
    adapter.send(ADMIN, &in_other, "INSERT INTO t VALUES (42)").await;
    assert_eq!(adapter.send(ADMIN, &in_other, "SELECT x FROM other.t").await.text, "42\n");

    adapter.ask("CREATE TABLE mine (x Int32) ENGINE = MergeTree ORDER BY x").await;
    assert_eq!(outcome(&adapter.send(SHOP, &in_other, "SELECT 1").await), (403, Some(497)));
    assert_eq!(outcome(&adapter.send(SHOP, &[("database", "none")], "SELECT 1").await), (403, Some(497)));
    for sql in [
        "SELECT * FROM other.t",
        "WITH a AS (SELECT * FROM `other`.\"t\") SELECT * FROM a",
        "SELECT (SELECT x FROM other.t)",
        "SELECT 1 IN other.t",
        "INSERT INTO other.t VALUES (1)",
        "INSERT INTO mine SELECT * FROM other.t",
        "CREATE TABLE other.u (x Int32) ENGINE = Memory",
        "CREATE VIEW v AS SELECT * FROM other.t",
        "RENAME TABLE mine TO other.mine",
        "ALTER TABLE mine ATTACH PARTITION tuple() FROM other.t",
        "DROP TABLE other.t",
        "DROP DATABASE other",
        "DROP DATABASE default",
        "CREATE DATABASE another",
        "CREATE USER intruder IDENTIFIED BY 'x'",
        "GRANT ALL ON other.* TO shop",
        "ALTER USER default IDENTIFIED BY 'x'",
        "SELECT * FROM file('/etc/passwd', 'TSV', 'x String')",
        "SELECT file('/etc/passwd')",
        "SELECT * FROM default.`/etc/passwd`",
        "SELECT * FROM url('http://127.0.0.1:1/', 'TSV', 'x String')",
        "SELECT * FROM remote('127.0.0.1', 'other.t')",
        "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "INSERT INTO FUNCTION file('/tmp/adapter-test', 'TSV', 'x String') VALUES ('a')",
        "CREATE TABLE f (x String) ENGINE = URL('http://127.0.0.1:1/', 'TSV')",
        "CREATE DICTIONARY d (x Int32) PRIMARY KEY x SOURCE(EXECUTABLE(COMMAND 'id' FORMAT 'TSV')) LAYOUT(FLAT()) LIFETIME(0)",
        "ATTACH TABLE a FROM '/tmp' (x Int32) ENGINE = MergeTree ORDER BY x",
        "SELECT 1 INTO OUTFILE '/tmp/adapter-test'",
        "SYSTEM SHUTDOWN",
    ] {
        let answer = adapter.run(SHOP, sql).await;
        assert!(matches!(outcome(&answer), (403, Some(497)) | (404, Some(60 | 81))), "{sql}: {answer:?}");
    }
    for (sql, seen) in [
        ("SHOW DATABASES", "shop"),
        ("SELECT name FROM system.databases", "shop"),
        ("SELECT count() FROM system.tables WHERE database = 'other'", "0"),
        ("SELECT count() FROM merge(REGEXP('.*'), '.*')", "0"),
    ] {
        assert_eq!(adapter.ask(sql).await, seen, "{sql}");
    }
    assert_eq!(adapter.send(ADMIN, &in_other, "SELECT x FROM t").await.text, "42\n");
}

#[tokio::test]
async fn logins_are_files_that_are_read_at_every_request() {
    let folder = Folder::new("logins");
    let adapter = Adapter::with_shop(&folder.0, &[]).await;
    assert_eq!(adapter.ask("SELECT currentDatabase()").await, "shop");
    // The SHA-256 of `changed`.
    let changed = "d67e2e944994496c8d8ec76eed0cf9f09679448d584b532bebf941852a37f5ed";
    write_login(&folder.0, "shop", changed, "shop");
    assert_eq!(outcome(&adapter.run(SHOP, "SELECT 1").await), (403, Some(516)));
    assert_eq!(adapter.run(("shop", "changed"), "SELECT 1").await.status, 200);
    write_login(&folder.0, "shop", changed, "default");
    assert_eq!(adapter.send(("shop", "changed"), &[("database", "shop")], "SELECT 1").await.code, Some(497));
    std::fs::remove_file(folder.0.join("users.d/shop.json")).unwrap();
    assert_eq!(outcome(&adapter.run(("shop", "changed"), "SELECT 1").await), (403, Some(516)));
    // A name leads to no file outside the folder.
    write_login(&folder.0, "other", SECRET_SHA256, "shop");
    std::fs::rename(folder.0.join("users.d/other.json"), folder.0.join("other.json")).unwrap();
    assert_eq!(outcome(&adapter.run(("../other", "secret"), "SELECT 1").await), (403, Some(516)));
}

#[tokio::test]
async fn databases_are_created_once_and_listed() {
    let folder = Folder::new("databases");
    let adapter = Adapter::with_shop(&folder.0, &[]).await;
    assert_eq!(outcome(&adapter.run(ADMIN, "CREATE DATABASE shop").await), (500, Some(82)));
    assert_eq!(adapter.run(ADMIN, "CREATE DATABASE IF NOT EXISTS shop").await.status, 200);
    assert_eq!(adapter.run(ADMIN, "SHOW DATABASES").await.text, "default\nshop\n");
    assert_eq!(outcome(&adapter.run(ADMIN, "CREATE USER a IDENTIFIED BY 'b'").await), (403, Some(497)));
}

#[tokio::test]
async fn a_dropped_database_is_gone_and_can_be_made_again() {
    let folder = Folder::new("drop");
    let adapter = Adapter::with_shop(&folder.0, &[]).await;
    adapter.ask("CREATE TABLE t (x Int32) ENGINE = MergeTree ORDER BY x").await;
    assert_eq!(adapter.run(ADMIN, "DROP DATABASE shop").await.status, 200);
    assert_eq!(outcome(&adapter.run(SHOP, "SELECT 1").await), (404, Some(81)));
    assert_eq!(outcome(&adapter.run(ADMIN, "DROP DATABASE shop").await), (404, Some(81)));
    assert_eq!(adapter.run(ADMIN, "DROP DATABASE IF EXISTS shop").await.status, 200);
    adapter.run(ADMIN, "CREATE DATABASE shop").await;
    assert_eq!(adapter.ask("SHOW TABLES").await, "");
}
