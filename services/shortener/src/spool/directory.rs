//! The spool's directory and the files in it.

use super::WrittenEnd;
use super::position::Position;
use anyhow::Context as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use uuid::Uuid;

const LOCK: &str = "lock";
const ID: &str = "spool-id";
const POSITION: &str = "position";
const QUARANTINE: &str = "quarantine";
const EXTENSION: &str = "ndjson";

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

    /// The spool's id, given the end of what is written. An empty spool gets one. So does a spool that lost sequences
    /// which were shipped, or readers would drop new clicks as old; what it still holds was shipped with them. Fails
    /// when clicks are there whose spool's id is not: under another id they would be counted twice.
    pub(super) fn identity(&self, mark: WrittenEnd) -> anyhow::Result<Uuid> {
        let shipped = self.position()?.map_or(1, |position| position.sequence);
        match self.known_identity()? {
            Some(id) if shipped <= mark.next => return Ok(id),
            None if mark.next > 1 => anyhow::bail!(self.nameless()),
            None => {}
            Some(_) => tracing::error!(
                spool.next = mark.next,
                spool.shipped = shipped,
                "The spool lost clicks that were shipped; it goes on under a new id."
            ),
        }
        let id = Uuid::now_v7();
        // The id first: a crash after it leaves a position beyond the end, and so another new id.
        self.replace(ID, id.to_string().as_bytes()).context("the spool's id cannot be written")?;
        self.note(&Position::end(mark)).context("the spool's position cannot be written")?;
        Ok(id)
    }

    /// The stored id; `None` when the file is missing or holds something else.
    fn known_identity(&self) -> anyhow::Result<Option<Uuid>> {
        let written = if_there(fs::read_to_string(self.0.join(ID))).context("the spool's id cannot be read")?;
        Ok(written.and_then(|id| id.trim().parse().ok()))
    }

    fn nameless(&self) -> String {
        let place = self.0.display();
        format!(
            "the spool {place} holds clicks, but no id is in {place}/{ID}. Mend it in one of two ways. Write the id there: \
             the log tells it at each start as spool.id, and so does MongoDB's click_progress. Or move *.{EXTENSION} and \
             {POSITION} out of {place}: a new spool begins, and clicks in them that were not shipped are not counted."
        )
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
    pub(super) fn position(&self) -> io::Result<Option<Position>> {
        let Some(text) = if_there(fs::read(self.0.join(POSITION)))? else { return Ok(None) };
        match serde_json::from_slice(&text) {
            Ok(position) => Ok(Some(position)),
            Err(error) => {
                tracing::warn!(error = %error, "The spool's position cannot be read; everything is shipped again.");
                Ok(None)
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

    /// Replaces a file whole: after a crash or a power failure it is the old one or the new one, never an empty one.
    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.0.join(format!("{name}.new"));
        let mut new = File::create(&path)?;
        new.write_all(content)?;
        new.sync_all()?;
        fs::rename(path, self.0.join(name))?;
        self.sync()
    }
}

/// What was read, if the file is there.
fn if_there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}
