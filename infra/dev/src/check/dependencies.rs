//! Known vulnerabilities and licences of dependencies, as far as the tools are here and need no network.

use anyhow::Result;
use kit::progress::say;

use crate::cargo;

/// Runs `cargo deny`, or else `cargo audit`, offline; says so when neither can run.
pub(super) async fn check() -> Result<()> {
    if installed("deny").await {
        let mut deny = cargo::command(&["deny", "--offline", "--workspace", "check", "bans", "licenses", "sources"]);
        if has("advisory-dbs") {
            deny.arg("advisories");
        }
        return cargo::run(&mut deny, "mend what cargo deny says above").await;
    }
    if has("advisory-db") && installed("audit").await {
        let audit = &["audit", "--no-fetch", "--stale"];
        return cargo::run(&mut cargo::command(audit), "mend what cargo audit says above").await;
    }
    say("  skipped: neither cargo-deny nor cargo-audit (with its database) is installed");
    Ok(())
}

/// Whether a database of advisories has been fetched before.
fn has(database: &str) -> bool {
    std::env::home_dir().is_some_and(|home| home.join(".cargo").join(database).is_dir())
}

async fn installed(tool: &str) -> bool {
    cargo::command(&[tool, "--version"]).output().await.is_ok_and(|output| output.status.success())
}
