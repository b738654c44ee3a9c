//! What runs.

use crate::docker;
use crate::site::Stack;
use anyhow::Result;
use kit::engines;
use kit::process::Identity;
use kit::progress::say;
use kit::units::UNITS;
use std::fs;

pub(crate) async fn run() -> Result<()> {
    let site = Stack::open()?;
    for unit in UNITS {
        let process = site.unit(unit.name).running();
        let health = if process.is_some() { health(unit.port).await } else { "stopped".to_owned() };
        line(unit.name, process, &format!("{health}, port {}", unit.port));
    }
    if docker::started(&site.engines) {
        say("engines run in Docker: docker compose ls");
    }
    for (engine, process) in engines::status(&site.engines) {
        line(engine.name(), process, if process.is_some() { "running" } else { "stopped" });
    }
    Ok(())
}

async fn health(port: u16) -> String {
    match kit::http::health(&format!("http://127.0.0.1:{port}")).await {
        Ok(status) if status.is_success() => "ready".to_owned(),
        Ok(status) => format!("not ready ({status})"),
        Err(_) => "does not answer".to_owned(),
    }
}

fn line(name: &str, process: Option<Identity>, state: &str) {
    let process = process
        .map_or_else(String::new, |process| format!("process {}, {} MiB", process.pid, resident_memory(process.pid)));
    say(&format!("{name:<12} {state:<24} {process}"));
}

/// Resident memory in MiB, as the kernel counts it.
fn resident_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let row = status.lines().find_map(|row| row.strip_prefix("VmRSS:"));
    row.and_then(|row| row.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_takes_memory() {
        assert!(super::resident_memory(std::process::id()) > 0);
    }
}
