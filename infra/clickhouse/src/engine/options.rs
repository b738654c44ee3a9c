//! What an engine's process is started with.

use std::path::PathBuf;

/// The options of one engine, which the front passes on.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The one database that this engine holds.
    #[arg(long)]
    pub database: String,
    /// The folder that it holds it in.
    #[arg(long)]
    pub data: PathBuf,
    /// The Unix socket to listen on.
    #[arg(long)]
    pub socket: PathBuf,
    #[command(flatten)]
    /// What all engines share.
    pub limits: Limits,
}

/// What all engines share: the library, and how much each may use.
#[derive(Debug, Clone, clap::Args)]
pub struct Limits {
    /// The engine: `libchdb.so`.
    #[arg(long, alias = "lib")]
    pub library: PathBuf,
    /// Statements that run at the same time, per database.
    #[arg(long, default_value_t = 8)]
    pub concurrency: usize,
    /// Statements that may wait for their turn, per database; more are answered 503.
    #[arg(long, default_value_t = 64)]
    pub queue: usize,
    /// Seconds that a statement may take unless it sets `max_execution_time` itself.
    #[arg(long, default_value_t = 60)]
    pub max_seconds: u64,
    /// Bytes that a body may have. Bodies are held in memory, so that one body is one block.
    #[arg(long, default_value_t = 256 << 20)]
    pub max_body: usize,
    /// Bytes that one engine may use before it fails statements.
    #[arg(long, default_value_t = 2 << 30)]
    pub max_memory: u64,
}

impl Limits {
    /// The arguments that pass these limits on.
    pub fn arguments(&self) -> Vec<String> {
        let number = |name: &str, value: u64| format!("--{name}={value}");
        vec![
            format!("--library={}", self.library.display()),
            number("concurrency", self.concurrency as u64),
            number("queue", self.queue as u64),
            number("max-seconds", self.max_seconds),
            number("max-body", self.max_body as u64),
            number("max-memory", self.max_memory),
        ]
    }
}
