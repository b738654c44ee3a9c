//! Resident memory of each unit after start.

use crate::report::{figure, title};
use anyhow::Context as _;
use kit::{Sandbox, Stack};

const UNITS: [&str; 8] = ["providers", "auth", "shortener", "analytics", "inventory", "payments", "orders", "gateway"];

pub(crate) async fn run() -> anyhow::Result<()> {
    title("Resident memory after start (aim: under 60 MiB each)");
    let sandbox = Sandbox::new().await?;
    let stack = Stack::start(&sandbox, &UNITS).await?;
    for unit in UNITS {
        figure(unit, format!("{:.1} MiB", resident(stack.pid(unit)?)? as f64 / 1024.0));
    }
    Ok(())
}

/// In KiB.
fn resident(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
    Ok(figure.parse()?)
}
