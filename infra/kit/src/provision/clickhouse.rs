//! ClickHouse: a database and the user who may do everything in it.

use anyhow::{Result, ensure};

use super::ClickhouseLogin;
use crate::engines::Address;
use crate::http;

/// Names come from [`super::Realm`] and passwords from [`crate::secrets`]: letters, digits and underscores.
pub(super) async fn create(address: &Address, name: &str, password: &str) -> Result<ClickhouseLogin> {
    run(address, format!("CREATE DATABASE IF NOT EXISTS {name}")).await?;
    run(address, format!("CREATE USER IF NOT EXISTS {name} IDENTIFIED BY '{password}'")).await?;
    run(address, format!("ALTER USER {name} IDENTIFIED BY '{password}'")).await?;
    run(address, format!("GRANT ALL ON {name}.* TO {name}")).await?;
    Ok(ClickhouseLogin {
        url: format!("http://127.0.0.1:{}", address.port),
        database: name.to_owned(),
        user: name.to_owned(),
        password: password.to_owned(),
    })
}

pub(super) async fn drop(address: &Address, name: &str) -> Result<()> {
    run(address, format!("DROP DATABASE IF EXISTS {name}")).await?;
    run(address, format!("DROP USER IF EXISTS {name}")).await?;
    Ok(())
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
