//! Known vulnerabilities of dependencies, and yanked ones: cargo-deny and its database know them, where they are.

use crate::cargo;
use anyhow::Result;

/// Runs cargo-deny, with its database as new as the network allows. Says why if that can't be.
pub(super) async fn check() -> Result<Option<&'static str>> {
    if !succeeds(&["deny", "--version"]).await {
        return Ok(Some("cargo-deny is not installed"));
    }
    if !succeeds(&["deny", "fetch", "db"]).await {
        return Ok(Some("the database of advisories can't be reached"));
    }
    let deny = &["deny", "--workspace", "check", "--disable-fetch", "advisories"];
    cargo::run(&mut cargo::command(deny), "mend what cargo deny says above").await.map(|()| None)
}

async fn succeeds(arguments: &[&str]) -> bool {
    cargo::command(arguments).output().await.is_ok_and(|output| output.status.success())
}
