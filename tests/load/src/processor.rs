//! The processors' time, as the kernel counts it.

use anyhow::Context as _;

/// The clock tick of `/proc/<pid>/stat`, fixed at 100 a second on Linux.
const TICK_MS: f64 = 10.0;

/// What a process and its threads have used so far, in milliseconds, of user and kernel.
pub(crate) fn time_of(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold anything; what is counted stands behind its closing bracket.
    let (_, rest) = stat.rsplit_once(')').context("no process name")?;
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() * TICK_MS)
}
