//! No unit's login opens what belongs to another: every login, tried on every database.
//!
//! The logins are those that the programs get. They are tried on the databases of the other units, on those of a second
//! sandbox, where units of the same name have databases of their own, and on those that Postgres itself brings.

mod clickhouse;
mod mongo;
mod postgres;
mod rabbitmq;
mod redis;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use kit::units::UNITS;
use kit::{Engine, Sandbox};
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// How long the engines may take to answer all that is asked with one login in one place.
const LIMIT: Duration = Duration::from_secs(60);

/// A login of a unit on an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Login {
    unit: &'static str,
    engine: Engine,
    user: String,
    password: String,
    /// Where the engine keeps what is the unit's: a database, a prefix of keys, or a virtual host.
    place: String,
    port: u16,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_opens_what_is_anothers() -> Result<()> {
    let (ours, theirs) = (Sandbox::new().await?, Sandbox::new().await?);
    let logins = logins(&ours)?;
    let places = logins.iter().cloned().chain(self::logins(&theirs)?).chain(postgres::own(&logins));
    let places: Vec<Login> = places.collect();
    ensure!(places.len() == 2 * logins.len() + 2, "a login is missing: {places:?}");
    for (sandbox, host) in [(&ours, ours.name()), (&theirs, theirs.name())] {
        let units = places.iter().filter(|place| place.engine == Engine::Rabbitmq && place.place == host);
        let units: Vec<_> = units.map(|place| place.unit).collect();
        rabbitmq::prepare(&sandbox.amqp_admin(), &units).await?;
    }

    let mut tried = 0;
    for login in &logins {
        // All places at once: engines take their time to refuse.
        let attempts = places.iter().map(async |place| {
            let done = timeout(LIMIT, possible(login, place)).await.context("no answer came").flatten();
            anyhow::Ok((place, done.with_context(|| format!("{login:?} at {place:?}"))?))
        });
        for (place, done) in try_join_all(attempts).await? {
            if login == place {
                ensure!(!done.is_empty(), "{} cannot use its own {}", login.unit, login.engine.name());
            } else {
                let what = format!("{}'s login on {}", login.unit, login.engine.name());
                ensure!(done.is_empty(), "{what} can, in {}'s {place:?}: {done:?}", place.unit);
                tried += 1;
            }
        }
    }
    assert_eq!(tried, logins.len() * (places.len() - 1));
    Ok(())
}

/// Tries to do with a login what its owner does, in a place; tells what was possible.
async fn possible(login: &Login, place: &Login) -> Result<Vec<&'static str>> {
    match place.engine {
        Engine::Postgres => postgres::possible(login, place).await,
        Engine::Mongo => mongo::possible(login, place).await,
        Engine::Redis | Engine::Limits => redis::possible(login, place).await,
        Engine::Rabbitmq => rabbitmq::possible(login, place).await,
        Engine::Clickhouse => clickhouse::possible(login, place).await,
    }
}

fn logins(sandbox: &Sandbox) -> Result<Vec<Login>> {
    let pairs = UNITS.iter().flat_map(|unit| unit.engines.iter().map(|engine| (unit.name, *engine)));
    pairs.map(|(unit, engine)| login(sandbox, unit, engine)).collect()
}

fn login(sandbox: &Sandbox, unit: &'static str, engine: Engine) -> Result<Login> {
    let (url, place) = match engine {
        Engine::Postgres => (sandbox.postgres(unit), None),
        Engine::Mongo => (sandbox.mongo(unit).url.as_str(), Some(sandbox.mongo(unit).database.clone())),
        Engine::Redis => (sandbox.redis(unit).url.as_str(), Some(sandbox.redis(unit).prefix.clone())),
        Engine::Limits => (sandbox.limits(unit).url.as_str(), Some(sandbox.limits(unit).prefix.clone())),
        Engine::Rabbitmq => (sandbox.amqp(unit), None),
        Engine::Clickhouse => (sandbox.clickhouse(unit).url.as_str(), None),
    };
    let url = Url::parse(url)?;
    let port = url.port().context("a port")?;
    if engine == Engine::Clickhouse {
        let login = sandbox.clickhouse(unit);
        let (user, password) = (login.user.clone(), login.password.clone());
        return Ok(Login { unit, engine, user, password, place: login.database.clone(), port });
    }
    let place = place.unwrap_or_else(|| url.path().trim_start_matches('/').to_owned());
    let (user, password) = (url.username().to_owned(), url.password().context("a password")?.to_owned());
    Ok(Login { unit, engine, user, password, place, port })
}
