//! Packages of npm that tests run: foreign clients, audits, oracles.

use crate::Trouble;
use anyhow::{Context as _, Result, ensure};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

/// What npm writes last: a folder without it was never installed, or not to the end.
const DONE: &str = "node_modules/.package-lock.json";

/// Installs what the folder's `package-lock.json` says, unless it is there. One process at a time: tests have one each,
/// and `npm ci` begins by removing everything.
pub fn install(folder: &Path) -> Result<()> {
    let path = folder.join("package-lock.json");
    let lock = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    lock.lock().with_context(|| format!("locking {}", path.display()))?;
    if folder.join(DONE).exists() {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder).stdin(Stdio::null());
    let output = npm.output().map_err(|_| Trouble::new("npm is missing.", "install Node 20"))?;
    ensure!(output.status.success(), "npm ci in {}: {}", folder.display(), String::from_utf8_lossy(&output.stderr));
    Ok(())
}
