//! Generated contracts: written by `cargo dev generate`, committed, and compared here.

use crate::build::{Build, build};
use anyhow::{Context as _, Result};
use kit::progress::step;
use kit::{Trouble, paths, units};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Writes all generated contracts into the workspace.
pub(crate) async fn write() -> Result<()> {
    build(Build::Programs).await?;
    let folder = committed();
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    write_into(&folder).await?;
    kit::progress::say(&format!("wrote {}", folder.display()));
    Ok(())
}

/// Generates into a temporary folder and compares that with what is committed.
pub(super) async fn check() -> Result<()> {
    build(Build::ProgramsAndTests).await?;
    step("generated contracts", compare()).await
}

async fn compare() -> Result<()> {
    let fresh = std::env::temp_dir().join(format!("vitrine-contracts-{}", std::process::id()));
    let outcome = write_into(&fresh).await;
    let differences = outcome.and_then(|()| Ok(differences(&files(&committed())?, &files(&fresh)?)));
    let _ = fs::remove_dir_all(&fresh);
    let differences = differences?;
    if differences.is_empty() {
        return Ok(());
    }
    let what = format!("Generated contracts differ from the code: {}.", differences.join(", "));
    Err(Trouble::new(what, "run `cargo dev generate` and commit contracts/generated").into())
}

fn committed() -> PathBuf {
    paths::workspace().join("contracts/generated")
}

async fn write_into(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("openapi"))?;
    fs::create_dir_all(folder.join("graphql"))?;
    let folder_name = folder.to_str().context("a folder whose name is text")?;
    output("generate", &[folder_name]).await?;
    for unit in units::services().chain(["gateway"]) {
        let document = output(unit, &["openapi"]).await?;
        fs::write(folder.join("openapi").join(format!("{unit}.json")), document)?;
    }
    fs::write(folder.join("graphql/schema.graphql"), output("gateway", &["sdl"]).await?)?;
    Ok(())
}

/// What one of our programs prints.
async fn output(program: &str, arguments: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new(paths::binary(program)?).args(arguments).output().await?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let what = format!("`{program} {}` failed ({}).", arguments.join(" "), output.status);
    let trouble = Trouble::new(what, "mend what it says");
    Err(trouble.with_log(String::from_utf8_lossy(&output.stderr)).into())
}

/// All files below a folder with their content, by path below it.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        let entries = match fs::read_dir(&next) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("reading {}", next.display())),
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap_or(&path).to_path_buf();
                found.insert(name, fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

fn differences(committed: &BTreeMap<PathBuf, Vec<u8>>, fresh: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    let missing = fresh.keys().filter(|path| !committed.contains_key(*path)).map(|path| (path, "is missing"));
    let stale = committed.keys().filter(|path| !fresh.contains_key(*path)).map(|path| (path, "is no longer made"));
    let changed = fresh.iter().filter(|(path, new)| committed.get(*path).is_some_and(|old| old != *new));
    let changed = changed.map(|(path, _)| (path, "has changed"));
    missing.chain(stale).chain(changed).map(|(path, how)| format!("{} {how}", path.display())).collect()
}

#[cfg(test)]
mod tests {
    use super::differences;

    #[test]
    fn every_kind_of_difference_is_named() {
        let set =
            |files: &[(&str, &str)]| files.iter().map(|(path, text)| (path.into(), text.as_bytes().to_vec())).collect();
        let found = differences(
            &set(&[("same", "1"), ("old", "1"), ("other", "1")]),
            &set(&[("same", "1"), ("new", "1"), ("other", "2")]),
        );
        assert_eq!(found, ["new is missing", "old is no longer made", "other has changed"]);
    }
}
