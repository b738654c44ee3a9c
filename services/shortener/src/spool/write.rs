//! Writing to the newest segment.

use super::WrittenEnd;
use super::directory::Directory;
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem;
use std::sync::Arc;

/// What was written and is not on disk yet.
#[derive(Default)]
pub(super) struct Unsynced {
    /// Segments with new lines.
    pub(super) files: Vec<Arc<File>>,
    /// Whether there are new segments, so that the directory is to be synced.
    pub(super) names: bool,
}

/// Writes clicks to the newest segment, and begins the next one when it is full.
pub(super) struct Writer {
    file: Arc<File>,
    mark: WrittenEnd,
    segment_bytes: u64,
    /// Earlier segments that are not on disk yet.
    unsynced: Unsynced,
    /// Whether the newest segment was written to since the last sync.
    is_dirty: bool,
    /// Whether the segment may have half a line at its end.
    is_torn: bool,
}

impl Writer {
    /// Goes on where the last process ended; tells also how large all segments are.
    pub(super) fn recover(directory: &Directory, segment_bytes: u64) -> io::Result<(Self, u64)> {
        let segments = directory.segments()?;
        let (file, mark) = match segments.last() {
            Some(&segment) => reopen(directory, segment)?,
            None => (directory.create(1)?, WrittenEnd { segment: 1, length: 0, next: 1 }),
        };
        let mut bytes = 0;
        for segment in segments {
            bytes += directory.read(segment)?.metadata()?.len();
        }
        let writer = Self {
            file: Arc::new(file),
            mark,
            segment_bytes,
            unsynced: Unsynced { files: Vec::new(), names: true },
            is_dirty: true,
            is_torn: false,
        };
        Ok((writer, bytes))
    }

    pub(super) fn mark(&self) -> WrittenEnd {
        self.mark
    }

    /// Writes a line, its line break included, in one write, and tells its sequence.
    pub(super) fn append(&mut self, directory: &Directory, line: &[u8]) -> io::Result<u64> {
        if self.is_torn {
            self.mend()?;
        }
        if self.mark.length >= self.segment_bytes {
            self.roll(directory)?;
        }
        self.is_dirty = true;
        if let Err(error) = write_whole(&self.file, line) {
            self.is_torn = true;
            // When this fails, too, the next click tries again.
            let _ = self.mend();
            return Err(error);
        }
        let sequence = self.mark.next;
        self.mark.length += line.len() as u64;
        self.mark.next += 1;
        Ok(sequence)
    }

    /// Cuts off what a failed write left behind.
    fn mend(&mut self) -> io::Result<()> {
        self.file.set_len(self.mark.length)?;
        self.is_torn = false;
        Ok(())
    }

    fn roll(&mut self, directory: &Directory) -> io::Result<()> {
        let new = Arc::new(directory.create(self.mark.next)?);
        let full = mem::replace(&mut self.file, new);
        if self.is_dirty {
            self.unsynced.files.push(full);
        }
        self.is_dirty = false;
        self.unsynced.names = true;
        self.mark = WrittenEnd { segment: self.mark.next, length: 0, next: self.mark.next };
        Ok(())
    }

    /// Hands out what is not on disk yet, with the end of what is written.
    pub(super) fn unsynced(&mut self) -> (WrittenEnd, Unsynced) {
        let mut unsynced = mem::take(&mut self.unsynced);
        if mem::take(&mut self.is_dirty) {
            unsynced.files.push(Arc::clone(&self.file));
        }
        (self.mark, unsynced)
    }

    /// Takes back what could not be brought to disk.
    pub(super) fn put_back(&mut self, unsynced: Unsynced) {
        self.unsynced.files.extend(unsynced.files);
        self.unsynced.names |= unsynced.names;
    }
}

/// One `write(2)`: a line is there whole or, after [`Writer::mend`], not at all.
fn write_whole(mut file: &File, line: &[u8]) -> io::Result<()> {
    let written = file.write(line)?;
    if written == line.len() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::WriteZero, "the disk took half a line"))
}

/// Opens the newest segment, cuts off half a line at its end, and counts the whole ones.
fn reopen(directory: &Directory, segment: u64) -> io::Result<(File, WrittenEnd)> {
    let mut file = directory.append_to(segment)?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    let length = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if length < content.len() {
        tracing::warn!(spool.cut = content.len() - length, "The spool ended with half a line; it was cut off.");
        file.set_len(length as u64)?;
    }
    let lines = content[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
    Ok((file, WrittenEnd { segment, length: length as u64, next: segment + lines }))
}
