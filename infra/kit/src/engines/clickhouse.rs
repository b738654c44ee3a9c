//! ClickHouse: its engine as a library behind our adapter (`infra/clickhouse`), which speaks its HTTP interface.

use super::{Addresses, Engine, Site, install};
use crate::engine::ADAPTER;
use crate::{files, http, paths};
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

pub(super) fn command(site: &Site) -> Result<Command> {
    let folder = site.data(Engine::Clickhouse);
    files::folder(&folder).with_context(|| format!("creating {}", folder.display()))?;
    // A copy: the adapter starts itself again for each database, also after cargo has replaced what it was built to.
    let program = folder.join(ADAPTER);
    let _ = fs::remove_file(&program);
    fs::copy(paths::binary(ADAPTER)?, &program).context("copying the adapter")?;
    files::close(&program)?;
    let mut command = Command::new(program);
    command.arg("--library").arg(install::libchdb()).arg("--data").arg(folder.join("data"));
    command.args(["--bind", &format!("127.0.0.1:{}", site.ports().clickhouse)]);
    // Not an argument: those are shown to every user of the machine.
    command.env("CLICKHOUSE_ADAPTER_PASSWORD", site.password(Engine::Clickhouse));
    Ok(command)
}

/// The folder from which the adapter reads its logins.
pub(super) fn logins(site: &Site) -> PathBuf {
    site.data(Engine::Clickhouse).join("data/users.d")
}

pub(super) async fn ready(site: &Site) -> Result<()> {
    let address = Addresses::of(site).clickhouse;
    let url = format!("http://127.0.0.1:{}/?query=SELECT%201", address.port);
    let request = http::client().get(url).header("X-ClickHouse-User", address.user);
    let answer = request.header("X-ClickHouse-Key", address.password).send().await?;
    ensure!(answer.status().is_success(), "it answers {}: {}", answer.status(), answer.text().await?);
    Ok(())
}
