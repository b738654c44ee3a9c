//! GraphQL over HTTP, as the audits of graphql-http judge it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use e2e_tests::Platform;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn graphql_over_http_is_spoken_as_the_specification_says() -> Result<()> {
    let folder = installed()?;
    let platform = Platform::start().await?;
    let url = format!("{}/graphql", platform.stack.url("gateway"));
    let mut node = Command::new("node");
    node.arg(folder.join("run.mjs")).arg(&url);
    let output = tokio::task::spawn_blocking(move || node.output()).await?.context("running node")?;
    ensure!(output.status.success(), "the audits did not run: {}", String::from_utf8_lossy(&output.stderr));

    let audits: Vec<Value> = serde_json::from_slice(&output.stdout).context("the audits' results")?;
    assert!(audits.len() >= 60, "only {} audits", audits.len());
    let failed: Vec<_> = audits.iter().filter(|audit| audit["status"] != "ok").collect();
    assert!(failed.is_empty(), "{} of {} audits: {failed:#?}", failed.len(), audits.len());
    Ok(())
}

/// The folder of the audits, with its packages installed as the lock file says.
fn installed() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("audits");
    if !folder.join("node_modules/graphql-http").is_dir() {
        let npm = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder).output();
        let output = npm.context("npm is needed for the audits: install Node 20")?;
        ensure!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(folder)
}
