//! Tests and benches, on engines that are not those of `cargo dev up`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use kit::engines::{self, Site};
use kit::progress::say;
use kit::{Engine, Trouble};
use tokio::process::Command;

use crate::build::{Build, build};
use crate::{cargo, down};

/// Builds the programs, starts the test engines, runs the tests, and stops what it started.
pub(crate) async fn run(arguments: &[String]) -> Result<()> {
    build(Build::ProgramsAndTests).await?;
    around_engines(async || {
        engines::ensure(&Site::test()?, Engine::ALL).await?;
        let mut tests = runner(arguments).await;
        cargo::run(&mut tests, "mend the tests that failed above").await
    })
    .await
}

/// Runs the load benches in release mode.
pub(crate) async fn bench(arguments: &[String]) -> Result<()> {
    say("building in release mode");
    let mend = "mend what the compiler says above";
    cargo::run(&mut cargo::command(&["build", "--release", "--workspace", "--bins"]), mend).await?;
    // The bench starts the engines that it needs itself: so the engines' own programs come from this build, too.
    around_engines(async || {
        // Not by `cargo run --package`, which would compile the dependencies again with fewer features.
        let status = Command::new(release("load")?).args(arguments).status().await?;
        ensure!(status.success(), Trouble::new("The bench failed.", "see what it says above"));
        Ok(())
    })
    .await
}

/// A program of the release build: beside the folder of this one, which is of the debug build.
fn release(program: &str) -> Result<PathBuf> {
    let ours = std::env::current_exe().context("finding the running program")?;
    let target = ours.ancestors().nth(2).context("this program runs outside of a target folder")?;
    Ok(target.join("release").join(program))
}

/// Does some work that needs the test engines. Engines that ran before go on; others are stopped afterwards.
async fn around_engines(work: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    let running = engines::status(&Site::test()?).iter().any(|(_, process)| process.is_some());
    let outcome = tokio::select! {
        outcome = work() => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    if !running {
        down::tests().await?;
    }
    outcome
}

/// The test runner with its arguments: nextest where it is installed, cargo's own else.
async fn runner(arguments: &[String]) -> Command {
    let (package, rest) = scope(arguments);
    let nextest = cargo::command(&["nextest", "--version"]).output().await;
    let mut command = if nextest.is_ok_and(|output| output.status.success()) {
        // A filter rather than `--package`, which would compile the dependencies again with fewer features.
        let mut command = cargo::command(&["nextest", "run", "--workspace"]);
        command.args(package.map(|package| format!("--filterset=package(={package})")));
        command
    } else {
        say("cargo-nextest is not installed: tests run by `cargo test`, which is slower");
        let mut command = cargo::command(&["test", "--no-fail-fast"]);
        command.arg(package.map_or_else(|| "--workspace".to_owned(), |package| format!("--package={package}")));
        command
    };
    command.args(rest);
    command
}

/// A first argument that names a crate or its folder narrows the run to it; the rest goes to the runner as it is.
fn scope(arguments: &[String]) -> (Option<String>, &[String]) {
    let Some((first, rest)) = arguments.split_first() else { return (None, arguments) };
    let mut crates = kit::paths::crates().into_iter();
    match crates.find(|(package, folder)| package == first || folder.ends_with(first)) {
        Some((package, _)) => (Some(package), rest),
        None => (None, arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::scope;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn without_arguments_all_is_tested() {
        assert_eq!(scope(&[]).0, None);
    }

    #[test]
    fn suites_and_crates_narrow_the_run() {
        let arguments = words("chaos kill --no-capture");
        let (package, rest) = scope(&arguments);
        assert!(package.is_some_and(|package| package.starts_with("chaos")));
        assert_eq!(rest, words("kill --no-capture"));
        assert_eq!(scope(&words("kit")).0.as_deref(), Some("kit"));
    }

    #[test]
    fn anything_else_is_a_filter() {
        let arguments = words("refresh_tokens");
        assert_eq!(scope(&arguments), (None, &arguments[..]));
    }
}
