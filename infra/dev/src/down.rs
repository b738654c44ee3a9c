//! Stopping the stack, and forgetting its data.

use crate::site::Stack;
use crate::{docker, services};
use anyhow::{Context as _, Result};
use kit::engines::{self, Site};
use kit::progress::{say, step};

/// Stops services, then engines. What does not run is left alone.
pub(crate) async fn run() -> Result<()> {
    let site = Stack::open()?;
    services::stop(&site).await?;
    if docker::started(&site.engines) {
        step("stopping the engines", docker::stop(&site.engines, false)).await?;
    }
    step("stopping the engines", engines::stop(&site.engines)).await
}

/// Stops the engines of the tests. A run of the tests that was killed leaves them.
pub(crate) async fn tests() -> Result<()> {
    step("stopping the test engines", engines::stop(&Site::test()?)).await
}

/// Stops everything and removes `.dev/up/`. Downloaded engines stay.
pub(crate) async fn reset() -> Result<()> {
    run().await?;
    let site = Stack::open()?;
    if docker::started(&site.engines) {
        docker::stop(&site.engines, true).await?;
    }
    let folder = site.engines.folder();
    std::fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    say(&format!("removed {}; `cargo dev up` starts afresh", folder.display()));
    Ok(())
}
