//! Every unit knows the variables that it is given, and refuses others.

use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use kit::environment::{Environment, Operator, Wiring};
use kit::paths;
use kit::provision::{ClickhouseLogin, Logins, MongoLogin, RedisLogin};
use kit::units::{self, UNITS};

/// What READMEs name beyond what the kit sets.
const DOCUMENTED: &[(&str, &str, &str)] = &[
    ("analytics", "ANALYTICS_INGEST__BLOCK_ROWS", "1000"),
    ("analytics", "ANALYTICS_INGEST__BLOCK_MS", "100"),
    ("payments", "PAYMENTS_WORKER__LEASE_MS", "2000"),
    ("inventory", "INVENTORY_RESERVATIONS__SWEEP_EVERY_MS", "1000"),
    ("gateway", "GATEWAY_HTTP__CLIENTS__FAREWELL_MS", "3000"),
];

#[test]
fn every_unit_knows_its_variables_and_refuses_others() -> Result<()> {
    for unit in UNITS {
        let (wiring, logins) = (wiring(), logins(unit.name));
        let mut environment = wiring.of(unit.name, &logins);
        let documented = DOCUMENTED.iter().filter(|(whose, _, _)| *whose == unit.name);
        environment.extend(documented.map(|(_, name, value)| ((*name).to_owned(), (*value).to_owned())));
        let output = check(unit.name, &environment)?;
        ensure!(output.status.success(), "{}: {}", unit.name, String::from_utf8_lossy(&output.stderr));

        let typo = format!("{}_HTTP__BNID", unit.name.to_uppercase());
        environment.insert(typo.clone(), "127.0.0.1:0".to_owned());
        let output = check(unit.name, &environment)?;
        let said = String::from_utf8_lossy(&output.stderr);
        let names_it = said.contains(&typo) && said.contains("is `http.bind` meant?");
        ensure!(!output.status.success() && names_it, "{} with {typo}: {said}", unit.name);
    }
    Ok(())
}

fn check(unit: &str, environment: &Environment) -> Result<Output> {
    let mut command = Command::new(paths::binary(unit)?);
    command.arg("check-config").env_clear().envs(environment);
    command.output().with_context(|| format!("running {unit}"))
}

fn wiring() -> Wiring {
    let listeners = UNITS.iter().map(|unit| (unit.name.to_owned(), ([127, 0, 0, 1], unit.port).into()));
    let operators = ("gateway/operators".to_owned(), ([127, 0, 0, 1], 8081).into());
    let key = || "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned();
    Wiring {
        listeners: listeners.chain([operators]).collect(),
        operator: Operator { email: "operator@example.com".to_owned(), password: "correct horse battery".to_owned() },
        sealing_key: key(),
        customers_key: key(),
        provider_secret: key(),
        service_secrets: units::with_identity().map(|unit| (unit.name.to_owned(), key())).collect(),
        state: "/nowhere".into(),
    }
}

/// Logins on the engines of a unit; nothing connects to them.
fn logins(unit: &str) -> Logins {
    let engines = units::named(unit).map_or(&[][..], |unit| unit.engines);
    let on = |engine| engines.contains(&engine);
    let redis = || RedisLogin { url: "redis://127.0.0.1:1".to_owned(), prefix: format!("{unit}:") };
    Logins {
        postgres: on(kit::Engine::Postgres).then(|| format!("postgres://{unit}@127.0.0.1:1/{unit}")),
        mongo: on(kit::Engine::Mongo)
            .then(|| MongoLogin { url: "mongodb://127.0.0.1:1".to_owned(), database: unit.to_owned() }),
        redis: on(kit::Engine::Redis).then(redis),
        limits: on(kit::Engine::Limits).then(redis),
        amqp: on(kit::Engine::Rabbitmq).then(|| "amqp://127.0.0.1:1/vitrine".to_owned()),
        clickhouse: on(kit::Engine::Clickhouse).then(|| ClickhouseLogin {
            url: "http://127.0.0.1:1".to_owned(),
            database: unit.to_owned(),
            user: unit.to_owned(),
            password: "secret".to_owned(),
        }),
    }
}
