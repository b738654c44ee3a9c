//! `clickhouse-adapter`: ClickHouse's HTTP interface over the engine's library, where no server is at hand.

use clap::Parser;
use clickhouse_adapter::{engine, front};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// ClickHouse's HTTP interface over `libchdb.so`.
#[derive(Debug, Parser)]
#[command(version)]
struct Front {
    #[command(flatten)]
    options: front::Options,
}

/// Holds one database. The adapter starts it itself, as `clickhouse-adapter engine`.
#[derive(Debug, Parser)]
struct Engine {
    #[command(flatten)]
    options: engine::Options,
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("CLICKHOUSE_ADAPTER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let mut arguments = std::env::args_os().skip(1).peekable();
    let result = match arguments.peek() {
        Some(role) if role == "engine" => hold(&Engine::parse_from(arguments).options),
        _ => serve(&Front::parse().options),
    };
    if let Err(error) = &result {
        tracing::error!(error = format!("{error:#}"), "The adapter fails.");
    }
    // Not a return: a thread that waits for standard input would keep the runtime, and the library its destructors.
    std::process::exit(i32::from(result.is_err()))
}

#[tokio::main(worker_threads = 2)]
async fn hold(options: &engine::Options) -> anyhow::Result<()> {
    // A key press in the terminal reaches the whole group; the front decides when an engine stops.
    let _interrupt = signal(SignalKind::interrupt())?;
    let _terminate = signal(SignalKind::terminate())?;
    engine::serve(options).await
}

#[tokio::main(worker_threads = 2)]
async fn serve(options: &front::Options) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    front::serve(options, |address| tracing::info!(%address, "The adapter listens."), shutdown).await
}
