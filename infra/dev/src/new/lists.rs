//! The lists that name every service, with a line for a new one.

use super::Store;
use anyhow::{Context as _, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const UNITS: &str = "infra/kit/src/units.rs";

/// The first port of services that none has.
pub(super) fn free_port(root: &Path) -> Result<u16> {
    let text = read(&root.join(UNITS))?;
    let ports = text.split("port: ").skip(1).filter_map(|rest| rest.split(',').next()?.parse().ok());
    let taken: BTreeSet<u16> = ports.collect();
    (3_000..3_900).find(|port| !taken.contains(port)).context("no port is free")
}

/// The files that list services, each with the new one.
pub(super) fn with(root: &Path, name: &str, store: Store, port: u16) -> Result<Vec<(PathBuf, String)>> {
    let engine = match store {
        Store::Postgres => "Postgres",
        Store::Mongo => "Mongo",
    };
    let unit = format!(
        "    Unit {{ name: \"{name}\", port: {port}, operators_port: None, engines: &[Engine::{engine}, \
         Engine::Rabbitmq] }},"
    );
    let readme = format!("| [{name}](services/{name}/README.md) | {} | notes, for a beginning |", store.title());
    let map = format!("| `services/{name}/` | notes, for a beginning | `src/lib.rs` |");
    let lines = [
        ("Cargo.toml", Place::Before("    \"tests/*\","), format!("    \"services/{name}\",")),
        // The gateway starts last.
        (UNITS, Place::Before("    Unit { name: \"gateway\""), unit),
        ("infra/observability/prometheus.yml", Place::Before("          - 127.0.0.1:8081"), {
            format!("          - 127.0.0.1:{port}")
        }),
        ("README.md", Place::AfterLast("](services/"), readme),
        ("docs/ARCHITECTURE.md", Place::Before("| `gateway/`"), map),
    ];
    let add = |(path, place, line): (&str, Place, String)| {
        let path = root.join(path);
        let text = place.add(&read(&path)?, &line).with_context(|| format!("finding a place in {}", path.display()))?;
        Ok((path, text))
    };
    lines.into_iter().map(add).collect()
}

/// Where a line goes.
#[derive(Clone, Copy)]
enum Place {
    /// Before the first line that begins so.
    Before(&'static str),
    /// After the last line of a table that holds this.
    AfterLast(&'static str),
}

impl Place {
    fn add(self, text: &str, line: &str) -> Option<String> {
        let mut lines: Vec<&str> = text.lines().collect();
        let at = match self {
            Self::Before(beginning) => lines.iter().position(|it| it.starts_with(beginning))?,
            Self::AfterLast(part) => lines.iter().rposition(|it| it.starts_with('|') && it.contains(part))? + 1,
        };
        lines.insert(at, line);
        Some(lines.join("\n") + "\n")
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
