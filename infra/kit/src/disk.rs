//! A small disk that a test can fill.

use crate::files;
use anyhow::{Context as _, Result};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// What takes the room on it.
const BALLAST: &str = "ballast";
const PAGE: u64 = 4_096;

/// A file system of its own, in memory. It ends with this value.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts a disk of so many mebibytes at a folder, which is made.
    pub fn mount(folder: &Path, mebibytes: u32) -> Result<Self> {
        files::folder(folder).with_context(|| format!("making {}", folder.display()))?;
        let options = std::ffi::CString::new(format!("size={mebibytes}m,mode=0700"))?;
        mount("tmpfs", folder, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())
            .context("mounting a disk in memory")?;
        Ok(Self { folder: folder.to_owned() })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes all room but so many bytes.
    pub fn fill(&self, leave: u64) -> Result<()> {
        let ballast = File::create(self.folder.join(BALLAST))?;
        let (mut taken, mut piece) = (0, self.room()?.saturating_sub(leave));
        while piece >= PAGE {
            match fallocate(&ballast, FallocateFlags::empty(), taken, piece) {
                Ok(()) => (taken, piece) = (taken + piece, self.room()?.saturating_sub(leave)),
                // What is told as free is not exact, and others write, too.
                Err(Errno::NOSPC) => piece /= 2,
                Err(error) => return Err(error).context("filling the disk"),
            }
        }
        Ok(())
    }

    /// Gives back the room that was taken.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(self.folder.join(BALLAST)).context("freeing the disk")
    }

    fn room(&self) -> Result<u64> {
        let disk = statvfs(&self.folder)?;
        Ok(disk.f_bavail * disk.f_frsize)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still has files open on it keeps it until they are closed.
        let _ = unmount(&self.folder, UnmountFlags::DETACH);
    }
}

/// Unmounts every disk below a folder, whoever mounted it.
pub(crate) fn unmount_below(folder: &Path) {
    let Ok(table) = fs::read_to_string("/proc/self/mounts") else { return };
    let places = table.lines().filter_map(|row| row.split(' ').nth(1)).map(Path::new);
    for place in places.filter(|place| place.starts_with(folder)) {
        let _ = unmount(place, UnmountFlags::DETACH);
    }
}

#[cfg(test)]
mod tests {
    use super::{Disk, unmount_below};
    use rustix::io::Errno;
    use std::process::Command;
    use std::{env, fs};

    const NAME: &str = "disk::tests::a_full_disk_takes_nothing_until_it_is_freed";
    /// Set where the test runs in a user namespace of its own, in which it may mount.
    const INSIDE: &str = "VITRINE_TEST_MAY_MOUNT";

    #[test]
    fn a_full_disk_takes_nothing_until_it_is_freed() {
        let folder = env::temp_dir().join(format!("vitrine-disk-{}", std::process::id()));
        let disk = match Disk::mount(&folder.join("small"), 1) {
            Ok(disk) => disk,
            Err(error) if is_forbidden(&error) && env::var_os(INSIDE).is_none() => {
                fs::remove_dir_all(&folder).unwrap();
                return run_inside();
            }
            Err(error) => panic!("{error:#}"),
        };
        let file = disk.folder().join("file");
        disk.fill(0).unwrap();
        assert_eq!(fs::write(&file, "text").unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        disk.free().unwrap();
        fs::write(&file, "text").unwrap();
        disk.fill(64 * 1024).unwrap();
        fs::write(&file, [0; 64 * 1024]).unwrap();
        assert!(fs::write(&file, [0; 128 * 1024]).is_err());
        std::mem::forget(disk);
        unmount_below(&folder);
        fs::remove_dir_all(&folder).unwrap();
    }

    fn is_forbidden(error: &anyhow::Error) -> bool {
        error.downcast_ref::<Errno>().is_some_and(|errno| [Errno::PERM, Errno::ACCESS].contains(errno))
    }

    /// Runs the test in a user namespace of its own. Where that is forbidden, too, it says that nothing was tested:
    /// nextest shows it (`.config/nextest.toml`).
    fn run_inside() {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]).arg(env::current_exe().unwrap());
        let outcome = command.args(["--exact", NAME, "--nocapture"]).env(INSIDE, "yes").output();
        let why = match &outcome {
            Ok(output) if output.status.success() => {
                assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "it has another name: {NAME}");
                return;
            }
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => format!("unshare: {error}"),
        };
        assert!(why.starts_with("unshare: "), "{outcome:?}");
        crate::progress::say(&format!("SKIPPED, not tested: nothing can be mounted here, nor in a namespace ({why})"));
    }
}
