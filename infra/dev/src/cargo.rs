//! Calling cargo, with its own output shown.

use anyhow::{Context as _, Result, ensure};
use kit::{Trouble, paths};
use std::path::Path;
use tokio::process::Command;

/// A cargo command in the root of the workspace.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command_of(Path::new(&cargo));
    command.args(arguments);
    command
}

/// A command of a program that works on the workspace as cargo does.
pub(crate) fn command_of(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(paths::workspace());
    // The `cargo run` that started us describes this very package to us; build scripts (ring's) look at that
    // and would run again, and all that depends on them be compiled again.
    let describing = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|it| name.starts_with(it));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(describing) {
            command.env_remove(name);
        }
    }
    command
}

/// What cargo prints; a failure shows what it says of it.
pub(crate) async fn output(arguments: &[&str]) -> Result<Vec<u8>> {
    let output = command(arguments).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    let trouble = || Trouble::new(format!("`cargo {}` failed.", arguments[0]), "mend what it says").with_log(said);
    ensure!(output.status.success(), trouble());
    Ok(output.stdout)
}

/// Runs a command to its end; its output goes to the terminal.
pub(crate) async fn run(command: &mut Command, mend: &str) -> Result<()> {
    let shown = command.as_std().get_args().map(|argument| argument.to_string_lossy().into_owned());
    let shown = shown.collect::<Vec<_>>().join(" ");
    let status = command.kill_on_drop(true).status().await.with_context(|| format!("running cargo {shown}"))?;
    if status.success() {
        return Ok(());
    }
    Err(Trouble::new(format!("`cargo {shown}` failed."), mend).into())
}
