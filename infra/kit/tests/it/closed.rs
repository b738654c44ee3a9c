//! What running leaves behind is its owner's alone.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use kit::Engine;
use kit::engines::Private;

/// Files and folders below a folder that others may read or list. Links lead nowhere else than their targets.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut next = vec![folder.to_path_buf()];
    while let Some(path) = next.pop() {
        // An engine that runs removes files meanwhile.
        let Ok(entry) = std::fs::symlink_metadata(&path) else { continue };
        if entry.is_symlink() {
            continue;
        }
        if entry.permissions().mode() & 0o067 != 0 {
            found.push(path.clone());
        }
        if entry.is_dir() {
            next.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    found
}

#[tokio::test]
async fn no_engine_leaves_a_file_that_others_read() {
    let engines = Private::start(Engine::ALL).await.unwrap();
    let folder = engines.folder();
    assert_eq!(open_to_others(folder), Vec::<PathBuf>::new());
    let written = std::fs::read_dir(folder.join("logs")).unwrap().count();
    assert!(written > Engine::ALL.len(), "{written} files of logs and processes");
    // Postgres runs as another user where root starts it: its group may pass, and nobody else.
    let own = std::fs::metadata(folder).unwrap();
    assert!(own.uid() == std::fs::metadata("/proc/self").unwrap().uid() && own.permissions().mode() & 0o7 == 0);
}
