//! What the adapter is started with.

use crate::engine::Limits;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The options of the adapter.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The folder for everything: one folder per database, and the logins.
    #[arg(long)]
    pub data: PathBuf,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:8123")]
    pub bind: SocketAddr,
    /// The password of the administrator, whose name is `default`.
    #[arg(long, env = "CLICKHOUSE_ADAPTER_PASSWORD", hide_env_values = true)]
    pub password: String,
    /// Seconds without a request after which a database's engine stops; it starts again with the next one.
    #[arg(long, default_value_t = 600)]
    pub idle_seconds: u64,
    /// What every engine gets.
    #[command(flatten)]
    pub limits: Limits,
}
