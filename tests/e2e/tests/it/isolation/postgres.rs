//! Postgres: databases that only their owner may connect to.

use anyhow::Result;
use sqlx::{Connection as _, PgConnection};

use super::Login;

pub(super) async fn possible(login: &Login, place: &Login) -> Result<Vec<&'static str>> {
    let Login { user, password, .. } = login;
    let url = format!("postgres://{user}:{password}@127.0.0.1:{}/{}", place.port, place.place);
    match PgConnection::connect(&url).await {
        Ok(connection) => connection.close().await.map(|()| vec!["connect"]).map_err(Into::into),
        Err(sqlx::Error::Database(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
