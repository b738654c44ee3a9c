//! Postgres: databases that only their owner may connect to.

use anyhow::Result;
use kit::Engine;
use sqlx::{Connection as _, PgConnection};

use super::Login;

/// The databases that Postgres itself brings, where everybody may enter unless that is taken back.
pub(super) fn own(logins: &[Login]) -> Vec<Login> {
    let units = logins.iter().filter(|login| login.engine == Engine::Postgres);
    let port = units.map(|login| login.port).next();
    let places = ["postgres", "template1"].into_iter().zip(port.into_iter().cycle());
    let place = |(place, port): (&str, u16)| Login {
        unit: "nobody",
        engine: Engine::Postgres,
        user: String::new(),
        password: String::new(),
        place: place.to_owned(),
        port,
    };
    places.map(place).collect()
}

pub(super) async fn possible(login: &Login, place: &Login) -> Result<Vec<&'static str>> {
    let Login { user, password, .. } = login;
    let url = format!("postgres://{user}:{password}@127.0.0.1:{}/{}", place.port, place.place);
    match PgConnection::connect(&url).await {
        Ok(connection) => connection.close().await.map(|()| vec!["connect"]).map_err(Into::into),
        Err(sqlx::Error::Database(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
