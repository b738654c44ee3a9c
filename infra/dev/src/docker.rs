//! The engines as containers, where a Docker daemon answers. Ports and logins are those of the plain processes.

use anyhow::{Context as _, Result};
use kit::engines::{self, Addresses, Site};
use kit::progress::{say, step};
use kit::{Engine, Trouble, paths, secrets};
use std::path::PathBuf;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// How long a daemon may take to answer before it counts as absent.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether Docker is to serve: its daemon answers and knows compose, and no plain engines run already.
///
/// `VITRINE_ENGINES=local` says no, `VITRINE_ENGINES=docker` says yes without asking.
pub(crate) async fn serves(site: &Site) -> bool {
    match std::env::var("VITRINE_ENGINES").as_deref() {
        Ok("local") => return false,
        Ok("docker") => return true,
        _ => {}
    }
    let running = engines::status(site).iter().any(|(_, process)| process.is_some());
    !running && answers(&["info"]).await && answers(&["compose", "version"]).await
}

async fn answers(arguments: &[&str]) -> bool {
    let mut command = Command::new("docker");
    command.args(arguments).kill_on_drop(true);
    matches!(timeout(PATIENCE, command.output()).await, Ok(Ok(output)) if output.status.success())
}

/// Starts the containers and waits until every engine answers.
pub(crate) async fn start(site: &Site) -> Result<Addresses> {
    say("engines by Docker (infra/compose/compose.yaml)");
    secrets::write_private(&environment_file(site), environment(site).as_bytes())?;
    let mend = "look at `docker compose logs`, or set VITRINE_ENGINES=local to do without Docker";
    run(site, &["up", "--detach", "--wait"], mend).await?;
    step("engines", engines::adopt(site)).await
}

/// Whether the engines of this site were started by Docker.
pub(crate) fn started(site: &Site) -> bool {
    environment_file(site).is_file()
}

/// Stops the containers; with `forget` their volumes go, too.
pub(crate) async fn stop(site: &Site, forget: bool) -> Result<()> {
    let arguments: &[&str] = if forget { &["down", "--volumes"] } else { &["down"] };
    run(site, arguments, "run `docker compose down` in infra/compose").await
}

async fn run(site: &Site, arguments: &[&str], mend: &str) -> Result<()> {
    let mut command = Command::new("docker");
    command.arg("compose").arg("--file").arg(paths::workspace().join("infra/compose/compose.yaml"));
    command.arg("--env-file").arg(environment_file(site)).args(arguments);
    let status = command.status().await.context("running docker compose")?;
    if status.success() {
        return Ok(());
    }
    Err(Trouble::new(format!("`docker compose {}` failed.", arguments.join(" ")), mend).into())
}

fn environment_file(site: &Site) -> PathBuf {
    site.folder().join("compose.env")
}

/// Ports and passwords for `compose.yaml`.
fn environment(site: &Site) -> String {
    let ports = site.ports();
    let ports = [
        ("POSTGRES_PORT", ports.postgres),
        ("MONGO_PORT", ports.mongo),
        ("REDIS_PORT", ports.redis),
        ("LIMITS_PORT", ports.limits()),
        ("RABBITMQ_PORT", ports.amqp),
        ("RABBITMQ_MANAGEMENT_PORT", ports.management),
        ("RABBITMQ_PROMETHEUS_PORT", ports.prometheus),
        ("CLICKHOUSE_PORT", ports.clickhouse),
    ];
    let ports = ports.map(|(name, port)| format!("{name}={port}\n"));
    let passwords = Engine::ALL.iter().map(|&engine| {
        let name = engine.name().to_uppercase();
        format!("{name}_PASSWORD={}\n", site.password(engine))
    });
    let key = format!("MONGO_KEY={}\n", site.key());
    ports.into_iter().chain(passwords).chain([key]).collect()
}
