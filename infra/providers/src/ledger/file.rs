//! The file of the ledger: one JSON object per line, appended and synced, never changed.

use super::Entry;
use anyhow::Context as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;
use tokio::sync::watch;

/// The name of the file in its folder.
const NAME: &str = "payments.jsonl";

/// The open file, read to its end.
pub(super) struct File(fs::File);

/// Queues lines for the thread that writes them.
pub(super) struct Writer {
    lines: mpsc::Sender<Vec<u8>>,
    queued: u64,
}

/// Tells how many lines are on disk.
#[derive(Clone)]
pub(super) struct Written(watch::Receiver<u64>);

impl File {
    /// Opens the file, cuts a torn last line, and reads the others.
    pub(super) fn open(directory: &Path) -> anyhow::Result<(Self, Vec<Entry>)> {
        fs::create_dir_all(directory)?;
        let path = directory.join(NAME);
        let file = OpenOptions::new().create(true).read(true).append(true).open(&path)?;
        // The entry of a new file in its folder must be on disk, too.
        fs::File::open(directory)?.sync_all()?;
        let bytes = fs::read(&path)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if whole < bytes.len() {
            tracing::warn!(bytes = bytes.len() - whole, "A torn line was cut: nobody was told of it.");
            file.set_len(whole as u64)?;
            file.sync_all()?;
        }
        let lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let entries = lines.enumerate().map(|(number, line)| {
            serde_json::from_slice(line)
                .with_context(|| format!("line {} of {} is damaged", number + 1, path.display()))
        });
        Ok((Self(file), entries.collect::<anyhow::Result<_>>()?))
    }

    /// Starts the thread that appends; it ends when the writer is dropped.
    pub(super) fn into_writer(self) -> (Writer, Written) {
        let (lines, queue) = mpsc::channel();
        let (told, written) = watch::channel(0);
        std::thread::spawn(move || {
            if let Err(error) = append(self.0, &queue, &told) {
                tracing::error!(error = format!("{error:#}"), "The ledger cannot be written any more.");
            }
        });
        (Writer { lines, queued: 0 }, Written(written))
    }
}

/// Writes what is queued, as much at once as there is, and tells when it is on disk.
fn append(mut file: fs::File, queue: &mpsc::Receiver<Vec<u8>>, told: &watch::Sender<u64>) -> anyhow::Result<()> {
    while let Ok(mut block) = queue.recv() {
        let mut count = 1;
        while let Ok(line) = queue.try_recv() {
            block.extend_from_slice(&line);
            count += 1;
        }
        file.write_all(&block)?;
        file.sync_data()?;
        told.send_modify(|written| *written += count);
    }
    Ok(())
}

impl Writer {
    /// Queues a line.
    pub(super) fn queue(&mut self, entry: &Entry) {
        let mut line = serde_json::to_vec(entry).expect("an entry is JSON");
        line.push(b'\n');
        self.queued += 1;
        // When the thread has ended, whoever waits for the line learns it there.
        let _ = self.lines.send(line);
    }

    /// How many lines were queued so far.
    pub(super) fn queued(&self) -> u64 {
        self.queued
    }
}

impl Written {
    /// Waits until so many lines are on disk.
    pub(super) async fn reach(&self, lines: u64) -> anyhow::Result<()> {
        let mut written = self.0.clone();
        written.wait_for(|written| *written >= lines).await.context("the ledger cannot be written any more")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(event_id: &str) -> Entry {
        Entry::Told { event_id: event_id.to_owned() }
    }

    #[tokio::test]
    async fn a_torn_last_line_is_cut_and_a_damaged_one_before_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (file, entries) = File::open(folder.path()).unwrap();
        assert_eq!(entries, []);
        let (mut writer, written) = file.into_writer();
        writer.queue(&told("a"));
        writer.queue(&told("b"));
        written.reach(writer.queued()).await.unwrap();
        let path = folder.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        for torn in 1..20 {
            fs::write(&path, [&whole[..], &whole[..torn]].concat()).unwrap();
            let (_, entries) = File::open(folder.path()).unwrap();
            assert_eq!(entries, [told("a"), told("b")]);
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
        fs::write(&path, [b"{}\n", &whole[..]].concat()).unwrap();
        assert!(File::open(folder.path()).is_err());
    }
}
