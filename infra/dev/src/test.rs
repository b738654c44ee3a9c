//! Tests and benches, on engines that are not those of `cargo dev up`.

use anyhow::Result;
use kit::Engine;
use kit::engines::{self, Site};
use kit::progress::say;
use tokio::process::Command;

use crate::cargo::{self, Build};
use crate::down;

/// Builds the programs, starts the test engines, runs the tests, and stops what it started.
pub(crate) async fn run(arguments: &[String]) -> Result<()> {
    cargo::build(Build::ProgramsAndTests).await?;
    on_engines(async || {
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
    // The engines' own programs come from the build of this tool.
    cargo::build(Build::Programs).await?;
    on_engines(async || {
        let mut load = cargo::command(&["run", "--release", "--package", "load", "--"]);
        cargo::run(load.args(arguments), "see what the bench says above").await
    })
    .await
}

/// Does some work while the test engines run. Engines that ran before go on; others are stopped afterwards.
async fn on_engines(work: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    let site = Site::test()?;
    let running = engines::status(&site).iter().any(|(_, process)| process.is_some());
    let outcome = tokio::select! {
        outcome = async { engines::ensure(&site, Engine::ALL).await?; work().await } => outcome,
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
