//! Files that processes lock so that one works and the others wait, or go on without.

use crate::files;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Opens the file of a lock, and makes it and its folder when they are missing. A lock on it ends when it is dropped.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        files::folder(folder)?;
    }
    File::options().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// Waits until no other process holds the lock.
pub(crate) fn hold(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    file.lock()?;
    Ok(file)
}
