//! Building programs, with progress that a person can follow.
//!
//! Programs are selected by `--bin` and not by `--package`: cargo then gives the dependencies the features of the whole
//! workspace, and what is built for `cargo dev up` is not compiled again for the tests.

use crate::cargo;
use crate::crates::Crates;
use anyhow::{Context as _, Result};
use kit::Trouble;
use kit::progress::{live, say};
use std::io::IsTerminal as _;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// How often progress is told: on a terminal, where a line replaces the one before, and elsewhere.
const BLINK: Duration = Duration::from_millis(250);
const REPORT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Build<'a> {
    /// Some programs. Each has the name of its package.
    Only(&'a [&'a str]),
    /// Every program of the workspace.
    Programs,
    ProgramsAndTests,
}

impl Build<'_> {
    fn name(self) -> String {
        match self {
            Self::Only(names) => names.join(", "),
            Self::Programs => "all programs".to_owned(),
            Self::ProgramsAndTests => "all programs and tests".to_owned(),
        }
    }

    fn command(self) -> Command {
        let mut build = cargo::command(&["build", "--message-format=json-render-diagnostics"]);
        match self {
            Self::Only(names) => build.args(names.iter().map(|name| format!("--bin={name}"))),
            Self::Programs => build.args(["--workspace", "--bins"]),
            Self::ProgramsAndTests => build.args(["--workspace", "--bins", "--tests"]),
        };
        build
    }

    /// The command that lists the crates it is made of.
    fn tree(self) -> Command {
        let mut tree = cargo::command(&["tree", "--prefix=none", "--format={p}"]);
        match self {
            Self::Only(names) => tree.args(names.iter().map(|name| format!("--package={name}"))),
            Self::Programs | Self::ProgramsAndTests => tree.arg("--workspace"),
        };
        let tests = matches!(self, Self::ProgramsAndTests);
        tree.arg(if tests { "--edges=normal,build,dev" } else { "--edges=normal,build" });
        tree
    }
}

/// Builds programs, and tells meanwhile how many crates are done and which are being compiled.
pub(crate) async fn build(what: Build<'_>) -> Result<()> {
    let began = Instant::now();
    say(&format!("building {}", what.name()));
    // Where the list can't be had, cargo's own complaint about the reason follows at once.
    let listed = what.tree().output().await.context("running cargo tree")?;
    let mut crates = Crates::listed(&String::from_utf8_lossy(&listed.stdout));
    let status = watch(what.command(), &mut crates, began).await?;
    if status.success() {
        say(&format!("  ok built {} crates ({:.1} s)", crates.done(), began.elapsed().as_secs_f64()));
        return Ok(());
    }
    let what = format!("{} could not be built.", what.name());
    Err(Trouble::new(what, "mend what the compiler says above").into())
}

/// Runs cargo to its end, and keeps the count.
async fn watch(mut build: Command, crates: &mut Crates, began: Instant) -> Result<ExitStatus> {
    let on_terminal = std::io::stderr().is_terminal();
    if on_terminal {
        build.env("CARGO_TERM_COLOR", "always");
    }
    build.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut cargo = build.spawn().context("running cargo build")?;
    let mut messages = BufReader::new(cargo.stdout.take().context("cargo's messages")?).lines();
    let mut remarks = BufReader::new(cargo.stderr.take().context("cargo's remarks")?).lines();
    let mut tick = tokio::time::interval(if on_terminal { BLINK } else { REPORT });
    tick.tick().await;
    let (mut more_messages, mut more_remarks) = (true, true);
    while more_messages || more_remarks {
        tokio::select! {
            line = messages.next_line(), if more_messages => match line? {
                Some(line) => crates.hear(&line),
                None => more_messages = false,
            },
            line = remarks.next_line(), if more_remarks => match line? {
                Some(line) if crates.begin(&line) => {}
                Some(line) => say(&line),
                None => more_remarks = false,
            },
            _ = tick.tick() => {
                let report = format!("  …  {} ({:.0} s so far)", crates.report(), began.elapsed().as_secs_f64());
                if on_terminal { live(&report) } else { say(&report) }
            }
        }
    }
    cargo.wait().await.context("waiting for cargo build")
}
