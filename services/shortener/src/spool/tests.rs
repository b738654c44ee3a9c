use super::{Line, Spool, SpoolError, WrittenEnd, read};
use crate::config;
use contracts::event::shortener::Click;
use proptest::prelude::*;
use std::{fs, path::Path};
use uuid::Uuid;

fn settings(directory: &Path) -> config::Spool {
    config::Spool { directory: directory.to_owned(), segment_bytes: 400, max_bytes: 100_000, sync_interval_ms: 1 }
}

fn open(directory: &Path) -> Spool {
    Spool::open(&settings(directory)).unwrap()
}

fn append(spool: &Spool, at: i64) -> Result<u64, SpoolError> {
    let id = Uuid::nil().to_string();
    spool.append(&Line {
        url_id: &id,
        clicked_at_ms: at,
        visitor: "0123456789abcdef0123456789abcdef",
        referrer: None,
        user_agent: Some("agent \"x\"\n"),
        country: None,
        language: None,
    })
}

fn fill(spool: &Spool, clicks: std::ops::RangeInclusive<i64>) {
    for click in clicks {
        append(spool, click * 10).unwrap();
    }
}

/// Everything that is to be shipped from where shipping stopped: sequences and times.
fn unshipped(spool: &Spool) -> Vec<(u64, i64)> {
    let (directory, mark) = (&spool.inner.directory, spool.sync().unwrap());
    let mut position = read::resume(directory).unwrap();
    let mut all = Vec::new();
    loop {
        let batch = read::next(directory, position, mark).unwrap();
        let Some(end) = batch.end else { return all };
        let clicks: Vec<Click> =
            serde_json::from_str(&format!("[{}]", String::from_utf8(batch.clicks).unwrap())).unwrap();
        assert_eq!(clicks.len() as u64, batch.count);
        all.extend((batch.first..).zip(clicks.iter().map(|click| click.clicked_at_ms)));
        position = end;
    }
}

fn segments(directory: &Path) -> Vec<std::path::PathBuf> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "ndjson")).collect();
    paths.sort();
    paths
}

fn expected(clicks: u64) -> Vec<(u64, i64)> {
    (1..=clicks).map(|sequence| (sequence, sequence as i64 * 10)).collect()
}

#[test]
fn clicks_come_back_in_order_over_segments_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut id = None;
    for round in 0..4_i64 {
        let spool = open(folder.path());
        assert_eq!(*id.get_or_insert(spool.id()), spool.id());
        for click in 1..=5 {
            let sequence = append(&spool, (round * 5 + click) * 10).unwrap();
            assert_eq!(sequence as i64, round * 5 + click);
        }
    }
    assert!(segments(folder.path()).len() > 3);
    assert_eq!(unshipped(&open(folder.path())), expected(20));
}

#[test]
fn only_one_process_uses_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let second = Spool::open(&settings(folder.path()));
    assert!(second.err().unwrap().to_string().contains("another process"));
    drop(first);
    open(folder.path());
}

#[test]
fn a_file_cut_off_at_any_byte_loses_only_what_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    fill(&spool, 1..=2);
    drop(spool);
    let newest = segments(folder.path()).pop().unwrap();
    let whole = fs::read(&newest).unwrap();
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    for cut in 0..=whole.len() {
        fs::write(&newest, &whole[..cut]).unwrap();
        let spool = open(folder.path());
        let kept = lines(&whole[..cut]);
        assert_eq!(unshipped(&spool), expected(kept), "cut at {cut}");
        assert_eq!(append(&spool, (kept as i64 + 1) * 10).unwrap(), kept + 1);
        assert_eq!(unshipped(&spool), expected(kept + 1), "cut at {cut}");
    }
}

#[test]
fn what_was_shipped_is_deleted_and_the_sequence_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    fill(&spool, 1..=20);
    let WrittenEnd { segment, length, next } = spool.sync().unwrap();
    let end = super::position::Position { segment, offset: length, sequence: next };
    spool.inner.directory.note(&end).unwrap();
    spool.forget_before(segment).unwrap();
    assert_eq!(segments(folder.path()).len(), 1);
    let id = spool.id();
    drop(spool);

    let spool = open(folder.path());
    assert_eq!(spool.id(), id);
    assert_eq!(unshipped(&spool), []);
    assert_eq!(append(&spool, 210).unwrap(), 21);
    assert_eq!(unshipped(&spool), [(21, 210)]);
}

#[test]
fn without_its_position_everything_is_shipped_again() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    fill(&spool, 1..=9);
    fs::write(folder.path().join("position"), "{\"segm").unwrap();
    assert_eq!(unshipped(&spool), expected(9));
}

#[test]
fn a_spool_that_lost_what_it_shipped_goes_on_under_a_new_id() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    append(&spool, 10).unwrap();
    let id = spool.id();
    let end = super::position::Position { segment: 1, offset: 9_999, sequence: 100 };
    spool.inner.directory.note(&end).unwrap();
    drop(spool);
    let spool = open(folder.path());
    assert_ne!(spool.id(), id);
    assert_eq!(unshipped(&spool), [], "what it still holds was shipped under the old id");
    assert_eq!(append(&spool, 20).unwrap(), 2);
    assert_eq!(unshipped(&spool), [(2, 20)]);
    let id = spool.id();
    drop(spool);
    assert_eq!(open(folder.path()).id(), id);
}

#[test]
fn clicks_without_an_id_stop_the_start_with_a_sentence_that_says_how_to_mend() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    fill(&spool, 1..=9);
    let (id, place, there) = (spool.id(), folder.path().join("spool-id"), segments(folder.path()));
    drop(spool);
    let start = || Spool::open(&settings(folder.path()));
    for lost in [None, Some(""), Some("\0\0\0\0")] {
        match lost {
            None => fs::remove_file(&place).unwrap(),
            Some(content) => fs::write(&place, content).unwrap(),
        }
        let said = format!("{:#}", start().err().expect("it does not start"));
        assert!(said.contains("spool-id") && said.contains("Mend it") && said.contains("spool.id"), "{said}");
        assert_eq!(segments(folder.path()), there, "nothing is thrown away");
    }
    // The one way to mend it: the id is written again, and nothing is shipped under another.
    fs::write(&place, format!("{id}\n")).unwrap();
    let spool = start().unwrap();
    assert_eq!((spool.id(), unshipped(&spool)), (id, expected(9)));
    drop(spool);
    // The other: the clicks are moved away.
    fs::remove_file(&place).unwrap();
    segments(folder.path()).iter().for_each(|segment| fs::remove_file(segment).unwrap());
    fs::remove_file(folder.path().join("position")).unwrap();
    let spool = start().unwrap();
    assert_ne!(spool.id(), id);
    assert_eq!(append(&spool, 10).unwrap(), 1);
}

#[test]
fn a_first_start_that_was_cut_off_before_its_id_was_written_is_a_first_start_again() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    fs::write(folder.path().join("spool-id"), "").unwrap();
    fs::write(folder.path().join("spool-id.new"), "half an i").unwrap();
    let spool = open(folder.path());
    append(&spool, 10).unwrap();
    assert_eq!(unshipped(&spool), expected(1));
}

#[test]
fn lines_that_cannot_be_read_keep_their_sequence_and_block_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    fill(&spool, 1..=9);
    let first = segments(folder.path()).remove(0);
    let mut bytes = fs::read(&first).unwrap();
    let second_line = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    bytes[second_line..second_line + 9].fill(0);
    fs::write(&first, bytes).unwrap();
    let without_the_second: Vec<_> = expected(9).into_iter().filter(|(sequence, _)| *sequence != 2).collect();
    assert_eq!(unshipped(&spool), without_the_second);
}

#[test]
fn a_full_spool_refuses_until_something_was_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(&config::Spool { max_bytes: 1_000, ..settings(folder.path()) }).unwrap();
    let mut written = 0;
    while append(&spool, 10).is_ok() {
        written += 1;
    }
    assert!(written > 3 && spool.probe().is_err());
    assert!(matches!(append(&spool, 10), Err(SpoolError::Full)));
    spool.forget_before(spool.mark().segment).unwrap();
    assert!(append(&spool, 10).is_ok());
}

#[test]
fn many_threads_get_every_sequence_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let sequences = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..50).map(|_| append(&spool, 1).unwrap()).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut sorted = sequences;
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=200).collect::<Vec<_>>());
    assert_eq!(unshipped(&spool).len(), 200);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_a_crash_did_to_the_newest_segment_the_spool_opens_and_goes_on(
        clicks in 1_i64..30, damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let spool = open(folder.path());
        fill(&spool, 1..=clicks);
        drop(spool);
        let newest = segments(folder.path()).pop().unwrap();
        let mut bytes = fs::read(&newest).unwrap();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        fs::write(&newest, bytes).unwrap();

        let spool = open(folder.path());
        let before = unshipped(&spool);
        let sequence = append(&spool, 7).unwrap();
        let mut after = unshipped(&spool);
        prop_assert_eq!(after.pop(), Some((sequence, 7)));
        prop_assert_eq!(&after, &before);
        prop_assert!(after.is_sorted_by_key(|(sequence, _)| *sequence));
    }
}
