//! Reading batches of clicks from where shipping stopped.

use super::WrittenEnd;
use super::directory::Directory;
use super::line::Readable;
use super::position::Position;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// The most clicks of a batch.
const MOST_CLICKS: u64 = 1_000;
/// The most bytes of a batch's lines.
const MOST_BYTES: usize = 256 * 1024;

/// Consecutive clicks, and where they end.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The sequence of the first click.
    pub(super) first: u64,
    /// How many clicks there are.
    pub(super) count: u64,
    /// When the first was made, in milliseconds since the Unix epoch.
    pub(super) since_ms: i64,
    /// The clicks as they stand in the spool, with commas between: each is one of the contract's.
    pub(super) clicks: Vec<u8>,
    /// Lines that cannot be read, before the first click.
    pub(super) unreadable: Vec<Vec<u8>>,
    /// Where the next batch begins.
    pub(super) end: Option<Position>,
}

/// Where to begin: at the noted position, if what it names is still there.
pub(super) fn resume(directory: &Directory) -> io::Result<Position> {
    let segments = directory.segments()?;
    let oldest = Position::beginning(segments.first().copied().unwrap_or(1));
    let Some(noted) = directory.position()? else { return Ok(oldest) };
    if segments.contains(&noted.segment) {
        return Ok(noted);
    }
    let next = segments.into_iter().find(|segment| *segment > noted.segment);
    Ok(next.map_or(oldest, Position::beginning))
}

/// Reads the next batch from `position` up to `mark`; its `end` is `None` when there is nothing.
///
/// A line that cannot be read keeps its sequence and ends the batch before it, because the clicks
/// of a batch are consecutive.
pub(super) fn next(directory: &Directory, position: Position, mark: WrittenEnd) -> io::Result<Batch> {
    if position.segment == mark.segment {
        return read(directory, position, mark.length);
    }
    let batch = read(directory, position, u64::MAX)?;
    if batch.end.is_some() {
        return Ok(batch);
    }
    let following = directory.segments()?.into_iter().find(|segment| *segment > position.segment);
    match following.map(Position::beginning) {
        Some(beginning) if beginning.segment < mark.segment || mark.length > 0 => {
            let batch = next(directory, beginning, mark)?;
            let end = batch.end.or(Some(beginning));
            Ok(Batch { end, ..batch })
        }
        _ => Ok(Batch::default()),
    }
}

fn read(directory: &Directory, from: Position, limit: u64) -> io::Result<Batch> {
    let mut file = directory.read(from.segment)?;
    file.seek(SeekFrom::Start(from.offset))?;
    let mut source = BufReader::with_capacity(64 * 1024, file.take(limit.saturating_sub(from.offset)));
    let (mut batch, mut at, mut bytes) = (Batch::default(), from, 0);
    let mut line = Vec::new();
    while batch.count < MOST_CLICKS && bytes < MOST_BYTES {
        line.clear();
        let length = source.read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        match serde_json::from_slice::<Readable>(&line) {
            Ok(click) => {
                if batch.count == 0 {
                    (batch.first, batch.since_ms) = (at.sequence, click.clicked_at_ms);
                } else {
                    batch.clicks.push(b',');
                }
                batch.clicks.extend_from_slice(line.trim_ascii_end());
                batch.count += 1;
            }
            Err(_) if batch.count == 0 => batch.unreadable.push(line.clone()),
            Err(_) => break,
        }
        bytes += length;
        at.offset += length as u64;
        at.sequence += 1;
        batch.end = Some(at);
    }
    Ok(batch)
}
