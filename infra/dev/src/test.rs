//! Tests and benches, on engines that are not those of `cargo dev up`.

use crate::build::{Build, build};
use crate::{cargo, down};
use anyhow::{Context as _, Result, ensure};
use kit::engines::{self, Site};
use kit::progress::say;
use kit::{Engine, Trouble};
use std::path::PathBuf;
use tokio::process::Command;

/// Builds the programs, starts the test engines, runs the tests, and stops what it started.
pub(crate) async fn run(arguments: &[String]) -> Result<()> {
    let mut tests = runner(arguments).await?;
    build(Build::ProgramsAndTests).await?;
    around_engines(async || {
        engines::ensure(&Site::test()?, Engine::ALL).await?;
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

/// The table of faults, below the root of the workspace.
const FAULTS: &str = "docs/FAULTS.md";

/// How much is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    /// What every change has to pass: no test in a module named `long`, and one round of chaos.
    Usual,
    /// Everything, for as long as it takes.
    Long,
    /// Every fault, of which the docs keep a table.
    Faults,
}

impl Tier {
    /// A first argument `long` asks for everything, `faults` for the table of faults; the others are left.
    fn of(arguments: &[String]) -> (Self, &[String]) {
        match arguments.split_first() {
            Some((first, rest)) if first == "long" => (Self::Long, rest),
            Some((first, rest)) if first == "faults" => (Self::Faults, rest),
            _ => (Self::Usual, arguments),
        }
    }

    /// Says it to the test runner (`.config/nextest.toml`), to the chaos suite and to the hostile inputs.
    fn tell(self, runner: &mut Command) {
        match self {
            Self::Usual => {}
            Self::Long => {
                runner
                    .arg("--profile=long")
                    .env("CHAOS", "long")
                    .env("VITRINE_HOSTILE", "all")
                    .env("FAULTS_FILE", FAULTS);
            }
            Self::Faults => {
                runner.args(["--profile=long", "--filterset=binary(faults)"]).env("FAULTS_FILE", FAULTS);
            }
        }
    }
}

/// The test runner with its arguments.
async fn runner(arguments: &[String]) -> Result<Command> {
    let (tier, arguments) = Tier::of(arguments);
    let (package, rest) = scope(arguments);
    let mut runner = nextest().await?;
    runner.args(["run", "--workspace"]);
    tier.tell(&mut runner);
    // A filter rather than `--package`, which would compile the dependencies again with fewer features.
    runner.args(package.map(|package| format!("--filterset=package(={package})"))).args(rest);
    Ok(runner)
}

/// cargo-nextest, downloaded where it is not installed: the tests count on a process each and on its groups.
async fn nextest() -> Result<Command> {
    let installed = cargo::command(&["nextest", "--version"]).output().await;
    if installed.is_ok_and(|output| output.status.success()) {
        return Ok(cargo::command(&["nextest"]));
    }
    let mut runner = cargo::command_of(&kit::engines::nextest().await?);
    runner.arg("nextest");
    Ok(runner)
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
    use super::{Tier, scope};

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn without_arguments_all_is_tested() {
        assert_eq!(scope(&[]).0, None);
    }

    #[test]
    fn everything_is_asked_for_by_name() {
        assert_eq!(Tier::of(&[]).0, Tier::Usual);
        assert_eq!(Tier::of(&words("chaos long")).0, Tier::Usual);
        let arguments = words("long chaos");
        assert_eq!(Tier::of(&arguments), (Tier::Long, &arguments[1..]));
        assert_eq!(Tier::of(&words("faults")).0, Tier::Faults);
    }

    #[test]
    fn everything_has_all_hostile_values() {
        let told = |tier: Tier| {
            let mut runner = tokio::process::Command::new("runner");
            tier.tell(&mut runner);
            runner.as_std().get_envs().any(|(name, value)| name == "VITRINE_HOSTILE" && value == Some("all".as_ref()))
        };
        assert!(told(Tier::Long) && !told(Tier::Usual) && !told(Tier::Faults));
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
