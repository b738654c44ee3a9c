//! ClickHouse: a database and the user who may do everything in it.

use super::ClickhouseLogin;
use crate::engines::{Address, Addresses};
use crate::{http, secrets};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::path::Path;

/// Names come from [`super::Realm`] and passwords from [`crate::secrets`]: letters, digits and underscores.
pub(super) async fn create(addresses: &Addresses, name: &str, password: &str) -> Result<ClickhouseLogin> {
    let address = &addresses.clickhouse;
    run(address, format!("CREATE DATABASE IF NOT EXISTS {name}")).await?;
    if let Some(folder) = &addresses.clickhouse_logins {
        write_login(folder, name, password)?;
    } else {
        run(address, format!("CREATE USER IF NOT EXISTS {name} IDENTIFIED BY '{password}'")).await?;
        run(address, format!("ALTER USER {name} IDENTIFIED BY '{password}'")).await?;
        run(address, format!("GRANT ALL ON {name}.* TO {name}")).await?;
    }
    Ok(ClickhouseLogin {
        url: format!("http://127.0.0.1:{}", address.port),
        database: name.to_owned(),
        user: name.to_owned(),
        password: password.to_owned(),
    })
}

/// Writes a login of the adapter, which reads it with the next request (`infra/clickhouse/README.md`).
fn write_login(folder: &Path, name: &str, password: &str) -> Result<()> {
    let login = json!({ "password_sha256_hex": secrets::sha256(password), "database": name });
    secrets::write_private(&folder.join(name).with_extension("json"), login.to_string().as_bytes())
}

pub(super) async fn drop(addresses: &Addresses, name: &str) -> Result<()> {
    run(&addresses.clickhouse, format!("DROP DATABASE IF EXISTS {name}")).await?;
    let Some(folder) = &addresses.clickhouse_logins else {
        run(&addresses.clickhouse, format!("DROP USER IF EXISTS {name}")).await?;
        return Ok(());
    };
    match std::fs::remove_file(folder.join(name).with_extension("json")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("removing a login"),
        _ => Ok(()),
    }
}

pub(super) async fn names(address: &Address) -> Result<Vec<String>> {
    let databases = run(address, "SHOW DATABASES".to_owned()).await?;
    Ok(databases.lines().map(str::to_owned).collect())
}

async fn run(address: &Address, statement: String) -> Result<String> {
    let request = http::client().post(format!("http://127.0.0.1:{}/", address.port)).body(statement.clone());
    let request = request.header("X-ClickHouse-User", &address.user);
    let answer = request.header("X-ClickHouse-Key", &address.password).send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    let verb = statement.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    ensure!(status.is_success(), "ClickHouse answers {status} to {verb}: {text}");
    Ok(text)
}
