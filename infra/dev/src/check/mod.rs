//! `cargo dev check`: format, the rules of the house, lints, generated contracts, dependencies.

mod dependencies;
mod features;
mod generated;
mod rules;
mod source;

use anyhow::{Result, bail};
use kit::progress::{say, step};

use crate::cargo;

pub(crate) use generated::write as generate;

/// Runs every check, also after one has failed, and names those that did.
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
    note("lints", step("lints", lints()).await);
    note("generated contracts", generated::check().await);
    note("dependencies", step("dependencies", dependencies::check()).await);
    if failed.is_empty() {
        say("all checks passed");
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
