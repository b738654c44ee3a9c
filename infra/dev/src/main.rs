//! `cargo dev`: sets Vitrine up on this machine, runs it, tests it and checks its rules.
//!
//! Where to look: [`up`] is the whole set-up in order; [`services`] starts and stops the units; [`docker`] stands
//! in for the engines of `kit::engines` where a Docker daemon answers; [`check`] holds the rules of the house.

mod build;
mod cargo;
mod check;
mod crates;
mod docker;
mod down;
mod logs;
mod new;
mod seed;
mod services;
mod site;
mod status;
mod summary;
mod test;
mod up;

use anyhow::Result;
use clap::{Parser, Subcommand};
use kit::progress::say;
use std::process::ExitCode;

/// Sets Vitrine up on this machine, runs it, tests it and checks its rules.
#[derive(Parser)]
#[command(name = "cargo dev", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets everything up: engines, databases, services, demo data; then shows the logs until Ctrl-C.
    Up {
        /// Leaves it running and returns.
        #[arg(short, long)]
        detach: bool,
    },
    /// Stops services and engines; data stays.
    Down {
        /// Stops the engines of the tests instead.
        #[arg(long)]
        tests: bool,
    },
    /// Shows what runs.
    Status,
    /// Shows the logs of all units, or of one unit or engine.
    Logs {
        /// Name of a unit or engine.
        unit: Option<String>,
        /// Goes on with new lines.
        #[arg(short, long)]
        follow: bool,
    },
    /// Stops everything and removes the data of `cargo dev up`.
    Reset,
    /// Builds one unit again and restarts it.
    Restart {
        /// Name of the unit.
        unit: String,
    },
    /// Runs the tests on engines of their own: all, a suite (`auth`, `e2e`, `chaos`, …), or what the filters match.
    Test {
        /// A crate's name, then filters and options for the test runner.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Checks format, lints, the rules of the house, and that generated contracts are up to date.
    Check,
    /// Writes the generated contracts again.
    Generate,
    /// Makes something new from a template.
    #[command(subcommand)]
    New(New),
    /// Runs the load benches in release mode and prints ratios.
    Bench {
        /// Options for the benches.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Subcommand)]
enum New {
    /// Makes a service that builds, starts and is tested, and adds it to every list of services.
    Service {
        /// Its name: letters from a to z.
        name: String,
        /// Where it keeps its data.
        #[arg(long, value_enum)]
        store: new::Store,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Up { detach } => up::run(detach).await,
        Command::Down { tests: false } => down::run().await,
        Command::Down { tests: true } => down::tests().await,
        Command::Status => status::run().await,
        Command::Logs { unit, follow } => logs::run(unit.as_deref(), follow).await,
        Command::Reset => down::reset().await,
        Command::Restart { unit } => up::restart(&unit).await,
        Command::Test { arguments } => test::run(&arguments).await,
        Command::Check => check::run().await,
        Command::Generate => check::generate().await,
        Command::New(New::Service { name, store }) => new::service(&name, store).await,
        Command::Bench { arguments } => test::bench(&arguments).await,
    }
}
