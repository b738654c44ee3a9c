//! Postgres: a database and the role that owns it; nobody else may connect.

use crate::engines::Address;
use anyhow::Result;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Names come from [`super::Realm`] and passwords from [`crate::secrets`]: letters, digits and underscores.
pub(super) async fn create(address: &Address, name: &str, password: &str) -> Result<String> {
    let mut connection = connect(address).await?;
    let exists = exists(&mut connection, "SELECT 1 FROM pg_roles WHERE rolname = $1", name).await?;
    let verb = if exists { "ALTER" } else { "CREATE" };
    run(&mut connection, format!("{verb} ROLE {name} LOGIN NOCREATEDB NOCREATEROLE PASSWORD '{password}'")).await?;
    if !self::exists(&mut connection, "SELECT 1 FROM pg_database WHERE datname = $1", name).await? {
        run(&mut connection, format!("CREATE DATABASE {name} OWNER {name}")).await?;
    }
    run(&mut connection, format!("REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC")).await?;
    connection.close().await?;
    Ok(format!("{}/{name}", address.url_as("postgres", name, password)))
}

pub(super) async fn drop(address: &Address, name: &str) -> Result<()> {
    let mut connection = connect(address).await?;
    run(&mut connection, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
    run(&mut connection, format!("DROP ROLE IF EXISTS {name}")).await?;
    connection.close().await?;
    Ok(())
}

/// Changes a role, and cuts off who is connected as it: the change is for connections that begin.
pub(crate) async fn alter(address: &Address, name: &str, change: &str) -> Result<()> {
    let mut connection = connect(address).await?;
    run(&mut connection, format!("ALTER ROLE {name} {change}")).await?;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1";
    sqlx::query(cut).bind(name).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

pub(super) async fn names(address: &Address) -> Result<Vec<String>> {
    let mut connection = connect(address).await?;
    let query = "SELECT datname::text FROM pg_database UNION SELECT rolname::text FROM pg_roles";
    Ok(sqlx::query_scalar(query).fetch_all(&mut connection).await?)
}

async fn connect(address: &Address) -> Result<PgConnection> {
    Ok(PgConnection::connect(&format!("{}/postgres", address.url("postgres"))).await?)
}

async fn exists(connection: &mut PgConnection, query: &'static str, name: &str) -> Result<bool> {
    Ok(sqlx::query(query).bind(name).fetch_optional(connection).await?.is_some())
}

async fn run(connection: &mut PgConnection, statement: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}
