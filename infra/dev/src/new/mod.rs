//! `cargo dev new service`: a crate that builds, starts and is tested, and its place in every list of services.
//!
//! The crate comes from `infra/dev/templates`, whose files are those of a service with `__name__` in place of its name.

mod lists;
#[cfg(test)]
mod tests;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use kit::progress::say;
use kit::units::UNITS;
use kit::{Engine, Trouble, paths};
use std::fs;
use std::path::Path;
use tokio::process::Command;

/// The longest name. It is part of the names of databases, queues and metrics.
const LONGEST: usize = 20;

/// What the gateway serves under names of its own.
const ROUTES: [&str; 2] = ["audit", "events"];

/// Where a new service keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// Tables, migrated by sqlx.
    Postgres,
    /// Collections of a replica set.
    Mongo,
}

impl Store {
    /// The library, the folder of templates and the section of the configuration.
    const fn key(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mongo => "mongo",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Postgres => "Postgres",
            Self::Mongo => "MongoDB",
        }
    }
}

/// Makes a service in this workspace.
pub(crate) async fn service(name: &str, store: Store) -> Result<()> {
    let root = paths::workspace();
    let port = make(&root, name, store).await?;
    say(&format!("services/{name} is there, on port {port}: `cargo dev generate`, then `cargo dev test {name}`"));
    say("what is next: docs/recipes/add-a-service.md");
    Ok(())
}

/// Makes a service in the workspace at `root`, and tells its port.
async fn make(root: &Path, name: &str, store: Store) -> Result<u16> {
    check(root, name)?;
    let port = lists::free_port(root)?;
    let lists = lists::with(root, name, store, port)?;
    let fill = |text: &str| {
        text.replace("__name__", name)
            .replace("__port__", &port.to_string())
            .replace("__store__", store.key())
            .replace("__Store__", store.title())
    };
    let templates = root.join("infra/dev/templates");
    for folder in ["common", store.key()] {
        copy(&templates.join(folder), &root.join("services").join(name), &fill)?;
    }
    for (path, text) in lists {
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    // A longer or shorter name breaks lines elsewhere.
    let formatted = Command::new("cargo").args(["fmt", "--all"]).current_dir(root).status().await?;
    ensure!(formatted.success(), Trouble::new("`cargo fmt --all` failed.", "mend what it says"));
    Ok(port)
}

/// Refuses a name that cannot be a service's.
fn check(root: &Path, name: &str) -> Result<()> {
    let is_plain = (2..=LONGEST).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase());
    let mend = format!("choose another name: 2 to {LONGEST} letters from a to z");
    ensure!(is_plain, Trouble::new(format!("`{name}` cannot be the name of a service."), mend));
    let lock = fs::read_to_string(root.join("Cargo.lock")).context("reading Cargo.lock")?;
    let is_crate = lock.contains(&format!("name = \"{name}\"\n"));
    let is_engine = Engine::ALL.iter().any(|engine| engine.name() == name);
    let is_taken = is_crate || is_engine || ROUTES.contains(&name) || UNITS.iter().any(|unit| unit.name == name);
    let is_there = is_taken || root.join("services").join(name).exists();
    let what = format!("`{name}` is the name of a crate, an engine or a route already.");
    ensure!(!is_there, Trouble::new(what, "choose another name"));
    Ok(())
}

/// Copies a folder of templates, each filled.
fn copy(from: &Path, to: &Path, fill: &impl Fn(&str) -> String) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let (path, target) = (entry.as_ref().map(|it| it.path()), entry.as_ref().map(|it| to.join(it.file_name())));
        let (Ok(path), Ok(target)) = (path, target) else { continue };
        if path.is_dir() {
            copy(&path, &target, fill)?;
        } else {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            fs::write(&target, fill(&text)).with_context(|| format!("writing {}", target.display()))?;
        }
    }
    Ok(())
}
