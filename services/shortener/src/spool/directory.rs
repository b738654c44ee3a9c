//! The spool's directory and the files in it.

use super::position::Position;
use anyhow::Context as _;
use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};
use uuid::Uuid;

const LOCK: &str = "lock";
const ID: &str = "spool-id";
const POSITION: &str = "position";
const QUARANTINE: &str = "quarantine";
const EXTENSION: &str = "ndjson";

/// The spool's directory.
#[derive(Debug, Clone)]
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path)
            .with_context(|| format!("spool.directory {} is not there and cannot be made", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// Claims the directory for this process, until the file is closed.
    pub(super) fn lock(&self) -> anyhow::Result<File> {
        let path = self.0.join(LOCK);
        let options = File::options().create(true).truncate(false).write(true).open(&path);
        let file = options.with_context(|| format!("{} cannot be opened", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                anyhow::bail!("another process uses the spool {}", self.0.display())
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }

    /// The spool's id. A new one where there is none, and where the sequences that were given out
    /// under the old one are not known any more: nothing may be counted as what it is not.
    pub(super) fn identity(&self, next: u64) -> anyhow::Result<Uuid> {
        let known = fs::read_to_string(self.0.join(ID)).ok().and_then(|id| id.trim().parse().ok());
        let shipped = self.position().map_or(1, |position| position.sequence);
        if let Some(id) = known
            && shipped <= next
        {
            return Ok(id);
        }
        if known.is_some() {
            tracing::error!(
                spool.next = next,
                spool.shipped = shipped,
                "The spool lost clicks that were shipped; it goes on under a new id."
            );
        }
        let id = Uuid::now_v7();
        let _ = fs::remove_file(self.0.join(POSITION));
        self.replace(ID, id.to_string().as_bytes()).context("the spool's id cannot be written")?;
        self.sync()?;
        Ok(id)
    }

    /// The first sequences of the segments, in order.
    pub(super) fn segments(&self) -> io::Result<Vec<u64>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if path.extension().is_some_and(|extension| extension == EXTENSION)
                && let Some(first) = stem.and_then(|stem| stem.parse().ok())
            {
                found.push(first);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Makes a segment.
    pub(super) fn create(&self, first: u64) -> io::Result<File> {
        File::options().append(true).create_new(true).open(self.segment(first))
    }

    /// Opens a segment to go on writing.
    pub(super) fn append_to(&self, first: u64) -> io::Result<File> {
        File::options().append(true).read(true).open(self.segment(first))
    }

    /// Opens a segment to read.
    pub(super) fn read(&self, first: u64) -> io::Result<File> {
        File::open(self.segment(first))
    }

    fn segment(&self, first: u64) -> PathBuf {
        self.0.join(format!("{first:020}.{EXTENSION}"))
    }

    /// Deletes the segments before `segment` and tells how many bytes that freed.
    pub(super) fn delete_before(&self, segment: u64) -> io::Result<u64> {
        let mut freed = 0;
        for first in self.segments()?.into_iter().take_while(|first| *first < segment) {
            let path = self.segment(first);
            freed += fs::metadata(&path)?.len();
            fs::remove_file(path)?;
        }
        Ok(freed)
    }

    /// How far was shipped; nothing when that is not known. Then everything is shipped again, and
    /// whoever reads drops what came before.
    pub(super) fn position(&self) -> Option<Position> {
        let text = fs::read(self.0.join(POSITION)).ok()?;
        match serde_json::from_slice(&text) {
            Ok(position) => Some(position),
            Err(error) => {
                tracing::warn!(error = %error, "The spool's position cannot be read; everything is shipped again.");
                None
            }
        }
    }

    /// Notes how far was shipped.
    pub(super) fn note(&self, position: &Position) -> io::Result<()> {
        self.replace(POSITION, &serde_json::to_vec(position)?)
    }

    /// Puts a line aside that cannot be read.
    pub(super) fn quarantine(&self, line: &[u8]) -> io::Result<()> {
        let mut file = File::options().create(true).append(true).open(self.0.join(QUARANTINE))?;
        file.write_all(line)?;
        file.write_all(b"\n")
    }

    /// Brings the names of files to disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// Replaces a file whole.
    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = self.0.join(format!("{name}.new"));
        fs::write(&new, content)?;
        fs::rename(new, self.0.join(name))
    }
}
