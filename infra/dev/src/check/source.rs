//! The source files of the workspace, as the rules read them.

use kit::paths;
use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file.
pub(super) struct Source {
    /// Path below the root of the workspace.
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Every Rust file of every crate.
pub(super) fn all() -> Vec<Source> {
    let root = paths::workspace();
    let mut files = Vec::new();
    for (_, folder) in paths::crates() {
        collect(&folder, &mut files);
    }
    files.sort();
    files.dedup();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        Some(Source { path: path.strip_prefix(&root).unwrap_or(&path).to_path_buf(), text })
    };
    files.into_iter().filter_map(read).collect()
}

/// The files below a folder, with paths below it.
pub(super) fn below(sources: &[Source], folder: &Path) -> Vec<Source> {
    let root = paths::workspace();
    let inner = |source: &Source| {
        let path = root.join(&source.path).strip_prefix(folder).ok()?.to_path_buf();
        Some(Source { path, text: source.text.clone() })
    };
    sources.iter().filter_map(inner).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let skipped =
            path.file_name().is_some_and(|name| ["target", "node_modules", "templates"].iter().any(|it| name == *it));
        if path.is_dir() && !skipped {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    /// Its lines of code with their numbers; comments are left out.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}
