//! ClickHouse: databases that only their user may name.

use anyhow::{Result, ensure};
use reqwest::StatusCode;

use super::Login;

pub(super) async fn possible(login: &Login, place: &Login) -> Result<Vec<&'static str>> {
    let mut done = Vec::new();
    for (what, statement) in [
        ("read", "SELECT count() FROM system.tables WHERE database = currentDatabase()".to_owned()),
        ("create", "CREATE TABLE IF NOT EXISTS isolation (x UInt8) ENGINE = MergeTree ORDER BY x".to_owned()),
        ("drop", "DROP TABLE IF EXISTS isolation".to_owned()),
    ] {
        let url = format!("http://127.0.0.1:{}/?database={}", place.port, place.place);
        let request = kit::http::client().post(url).body(statement);
        let request = request.header("X-ClickHouse-User", &login.user).header("X-ClickHouse-Key", &login.password);
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if status.is_success() {
            done.push(what);
        } else {
            let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status)
                || ["AUTHENTICATION_FAILED", "ACCESS_DENIED"].iter().any(|code| text.contains(code));
            ensure!(refused, "not refused but failed: {status}: {text}");
        }
    }
    Ok(done)
}
