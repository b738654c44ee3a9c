//! Files and folders that only their owner enters and reads: all that running leaves behind.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// What others may never do.
const OTHERS: u32 = 0o007;

/// Makes a folder and those above it, as far as they are missing. One that was there is closed to others.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & OTHERS == 0 { Ok(()) } else { fs::set_permissions(path, Permissions::from_mode(0o700)) }
}

/// Opens a file to write at its end; makes it when it is missing.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Writes a file anew.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)
}

/// Takes from a file what its group and others may do.
pub(crate) fn close(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    fs::set_permissions(path, Permissions::from_mode(mode & 0o700))
}

#[cfg(test)]
mod tests {
    use super::{append, close, folder, write};
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    fn mode(path: &Path) -> u32 {
        metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_the_owner_gets_in() {
        let outer = std::env::temp_dir().join(format!("vitrine-closed-files-{}", std::process::id()));
        let inner = outer.join("inner");
        folder(&inner).unwrap();
        assert_eq!((mode(&outer), mode(&inner)), (0o700, 0o700));
        set_permissions(&inner, Permissions::from_mode(0o755)).unwrap();
        folder(&inner).unwrap();
        assert_eq!(mode(&inner), 0o700);
        let (log, program) = (inner.join("log"), inner.join("program"));
        append(&log).unwrap();
        write(&program, b"#!/bin/sh").unwrap();
        assert_eq!((mode(&log), mode(&program)), (0o600, 0o600));
        set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        close(&program).unwrap();
        assert_eq!(mode(&program), 0o700);
        std::fs::remove_dir_all(&outer).unwrap();
    }
}
