//! Where things are: the workspace, `.dev/` and the built binaries.

use crate::Trouble;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::{env, fs};

pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder that holds all that running leaves behind: `.dev/`, or `VITRINE_DEV_DIR`.
pub fn dev() -> PathBuf {
    env::var_os("VITRINE_DEV_DIR").map_or_else(|| workspace().join(".dev"), PathBuf::from)
}

/// The folders of the workspace's crates, each with the name of its package.
pub fn crates() -> Vec<(String, PathBuf)> {
    let root = workspace();
    let groups = ["services", "services/lib", "tests", "infra"].map(|group| fs::read_dir(root.join(group)));
    let nested = groups.into_iter().flatten().flatten().flatten().map(|entry| entry.path());
    let folders = nested.chain([root.join("contracts"), root.join("gateway")]);
    let name = |folder: &Path| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = "))?;
        Some(name.trim_matches('"').to_owned())
    };
    let mut crates: Vec<_> = folders.filter_map(|folder| Some((name(&folder)?, folder))).collect();
    crates.sort();
    crates
}

/// Finds a binary of the workspace beside the running one, or in `VITRINE_BIN_DIR`.
pub fn binary(name: &str) -> Result<PathBuf> {
    let folder = match env::var_os("VITRINE_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => beside_running()?,
    };
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    let what = format!("The program `{name}` is not built: {} does not exist.", path.display());
    Err(Trouble::new(what, "cargo build --workspace --bins").into())
}

/// The folder of the running program; a test runs one level deeper, in `deps`.
fn beside_running() -> Result<PathBuf> {
    let running = env::current_exe().context("finding the running program")?;
    let folder = running.parent().unwrap_or(&running);
    let deeper = folder.ends_with("deps") || folder.ends_with("examples");
    Ok(if deeper { folder.parent().unwrap_or(folder) } else { folder }.to_path_buf())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_workspace_holds_the_contracts() {
        assert!(super::workspace().join("contracts").is_dir());
    }

    #[test]
    fn crates_are_found_by_their_packages() {
        let names: Vec<String> = super::crates().into_iter().map(|(name, _)| name).collect();
        for name in ["kit", "contracts", "auth", "gateway"] {
            assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
        }
    }

    #[test]
    fn a_missing_binary_says_how_to_build_it() {
        let error = super::binary("no-such-program").unwrap_err().to_string();
        assert!(error.contains("cargo build"), "{error}");
    }
}
