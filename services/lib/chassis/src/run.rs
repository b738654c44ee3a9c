//! Starts a service, keeps it running, and ends it without cutting anybody off.

use crate::app::{App, Context, Service};
use crate::config::{Common, Http};
use crate::health;
use crate::http::{Acceptor, Limits, joined};
use crate::jwt::crypto;
use crate::server;
use crate::sources::Sources;
use crate::telemetry::Telemetry;
use anyhow::Context as _;
use axum::Router;
use axum::routing::get;
use clap::{Parser, Subcommand};
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
struct Arguments {
    /// A TOML file with the configuration.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Serves until told to end (the default).
    Serve,
    /// Reads and validates the configuration, and ends.
    CheckConfig,
    /// Prints the OpenAPI description.
    Openapi,
}

/// Runs a service as the whole process; the body of its `main`.
#[must_use]
pub fn run<S: Service>() -> ExitCode {
    let arguments = Arguments::parse();
    match execute::<S>(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "The unit ends with an error.");
            complain(S::NAME, &error);
            ExitCode::FAILURE
        }
    }
}

/// The last word to whoever started the process, also when no log could be set up.
#[allow(clippy::print_stderr)]
fn complain(name: &str, error: &anyhow::Error) {
    eprintln!("{name}: {error:#}");
}

#[allow(clippy::print_stdout)]
fn execute<S: Service>(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(Command::Openapi) = arguments.command {
        println!("{}", crate::openapi::complete(S::NAME, S::openapi()).to_pretty_json()?);
        return Ok(());
    }
    crypto::install();
    crate::failpoint::setup();
    let variable = format!("{}_CONFIG", S::NAME.to_uppercase());
    let file = arguments.config.clone().or_else(|| std::env::var_os(variable).map(PathBuf::from));
    let (common, config) = Sources::read(S::NAME, S::LISTS, file.as_deref())?.get::<S::Config>()?;
    if let Some(Command::CheckConfig) = arguments.command {
        println!("The configuration of {} is valid.", S::NAME);
        return Ok(());
    }
    let telemetry = Telemetry::install(S::NAME, &common)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve::<S>(common, config, &telemetry));
    runtime.shutdown_timeout(Duration::from_secs(1));
    telemetry.shut_down();
    outcome
}

async fn serve<S: Service>(mut common: Common, config: S::Config, telemetry: &Telemetry) -> anyhow::Result<()> {
    let bind = match common.http.bind {
        Some(bind) => bind,
        None => S::BIND.parse().context("the default address is not valid")?,
    };
    let usual = S::REQUEST_TIMEOUT.as_millis().try_into()?;
    common.http.request_timeout_ms.get_or_insert(usual);
    let (limits, http) = (Limits::from(&common.http), common.http.clone());
    let grace = Duration::from_millis(common.shutdown.grace_ms);
    let context = Context::new(common, telemetry.metrics());
    tokio::spawn(on_signal(context.shutdown.clone()));
    upkeep(&context, telemetry.dropped_lines());
    let served = App::serve::<S>(config, context.clone()).await?;
    let metrics = if S::IS_PUBLIC { Router::new() } else { metrics_route(telemetry.metrics()) };
    let router = health::routes(context.health.clone())
        .merge(metrics)
        // Last, so that its answer to unknown addresses is the one that is heard.
        .merge(joined(served.router, served.bare, &limits));
    let acceptor = Acceptor::new(router, served.fast_path, &limits);
    let mut servers = vec![open(bind, acceptor, &http, &context.shutdown).await?];
    for (address, router) in served.listeners {
        let acceptor = Acceptor::new(router, None, &limits);
        servers.push(open(address, acceptor, &http, &context.shutdown).await?);
    }
    tracing::info!(address = %bind, "The unit is listening.");
    drain(servers, &context, grace).await
}

/// `/metrics`, for Prometheus.
pub fn metrics_route(metrics: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(move || std::future::ready(metrics.render())))
}

/// Binds now, so that a taken port is an error at start; serves in a task of its own.
async fn open(
    address: SocketAddr,
    acceptor: Acceptor,
    config: &Http,
    shutdown: &CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("the address {address} is not free"))?;
    Ok(tokio::spawn(server::serve(listener, acceptor, config.clone(), shutdown.clone())))
}

/// Waits for the end: first of requests, then of tasks, each as long as `grace` allows.
async fn drain(servers: Vec<JoinHandle<()>>, context: &Context, grace: Duration) -> anyhow::Result<()> {
    context.shutdown.cancelled().await;
    tracing::info!("The unit is draining.");
    let requests = futures::future::join_all(servers);
    if tokio::time::timeout(grace, requests).await.is_err() {
        tracing::warn!("Some requests were cut off.");
    }
    context.tasks.close();
    if tokio::time::timeout(grace, context.tasks.wait()).await.is_err() {
        tracing::warn!("Some tasks were cut off.");
    }
    tracing::info!("The unit has ended.");
    Ok(())
}

/// Keeps histograms small (see `PrometheusHandle::run_upkeep`), and tells how many lines the log lost.
fn upkeep(context: &Context, dropped_lines: impl Fn() -> u64 + Send + 'static) {
    let (metrics, shutdown) = (context.metrics.clone(), context.shutdown.clone());
    context.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            metrics.run_upkeep();
            metrics::counter!("log_lines_dropped_total").absolute(dropped_lines());
        }
    });
}

async fn on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    shutdown.cancel();
}
