//! `cargo dev check`: format, the rules of the house, lints, generated contracts, dependencies.

mod advisories;
mod dependencies;
mod features;
mod generated;
mod manifest;
mod modules;
mod names;
mod rules;
mod source;
mod unused;

use crate::cargo;
use anyhow::{Result, bail};
pub(crate) use generated::write as generate;
use kit::progress::{say, step};

/// Runs every check, also after one has failed; names those that failed, and what was not checked.
pub(crate) async fn run() -> Result<()> {
    let mut failed = Vec::new();
    let mut note = |name: &'static str, outcome: Result<()>| {
        if let Err(error) = outcome {
            say(&format!("{error:#}"));
            failed.push(name);
        }
    };
    note("format", step("format", format()).await);
    note("rules of the house", step("rules of the house", async { rules::check() }).await);
    note("shared dependencies", step("shared dependencies", features::check()).await);
    note("licences, sources and bans", step("licences, sources and bans", dependencies::check()).await);
    note("lints", step("lints", lints()).await);
    note("generated contracts", generated::check().await);
    let mut left = None;
    note("advisories", advisories::check().await.map(|reason| left = reason));
    if let Some(reason) = left {
        say(&format!("advisories: not run here: {reason}"));
    }
    if failed.is_empty() {
        say(if left.is_some() { "all other checks passed" } else { "all checks passed" });
        return Ok(());
    }
    bail!("these checks failed: {}", failed.join(", "))
}

async fn format() -> Result<()> {
    cargo::run(&mut cargo::command(&["fmt", "--all", "--check"]), "cargo fmt --all").await
}

async fn lints() -> Result<()> {
    let clippy = &["clippy", "--workspace", "--all-targets", "--quiet", "--keep-going", "--", "-D", "warnings"];
    cargo::run(&mut cargo::command(clippy), "mend what clippy says above").await
}
