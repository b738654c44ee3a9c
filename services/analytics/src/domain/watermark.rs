//! Tells clicks that come again from new ones.

use std::collections::HashMap;
use uuid::Uuid;

/// The highest sequence of every spool that was counted.
///
/// A spool publishes its clicks in order and repeats at most the latest ones, so whatever is not
/// above its watermark was counted before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watermarks(HashMap<Uuid, u64>);

/// What of some consecutive clicks is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh {
    /// How many at the beginning were counted before.
    pub repeated: usize,
    /// How many are missing before the first: a spool leaves no gaps, so this is a loss somewhere.
    pub missing: u64,
}

impl Watermarks {
    /// Notes that everything up to `sequence` was counted.
    pub fn raise(&mut self, spool: Uuid, sequence: u64) {
        let watermark = self.0.entry(spool).or_default();
        *watermark = sequence.max(*watermark);
    }

    /// Takes `count` consecutive clicks of a spool, from the sequence `first` on, and says which are new.
    pub fn take(&mut self, spool: Uuid, first: u64, count: usize) -> Fresh {
        let watermark = self.0.entry(spool).or_default();
        let (next, end) = (*watermark + 1, first.saturating_add(count as u64));
        let repeated = usize::try_from(next.saturating_sub(first)).unwrap_or(usize::MAX).min(count);
        let missing = if repeated < count { first.saturating_sub(next) } else { 0 };
        *watermark = (*watermark).max(end.saturating_sub(1));
        Fresh { repeated, missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPOOL: Uuid = Uuid::from_u128(1);

    #[test]
    fn tails_that_come_again_are_dropped_and_gaps_are_seen() {
        let mut marks = Watermarks::default();
        assert_eq!(marks.take(SPOOL, 1, 10), Fresh { repeated: 0, missing: 0 });
        assert_eq!(marks.take(SPOOL, 1, 10), Fresh { repeated: 10, missing: 0 });
        assert_eq!(marks.take(SPOOL, 6, 10), Fresh { repeated: 5, missing: 0 });
        assert_eq!(marks.take(SPOOL, 20, 1), Fresh { repeated: 0, missing: 4 });
        assert_eq!(marks.take(Uuid::from_u128(2), 1, 1), Fresh { repeated: 0, missing: 0 });
        assert_eq!(marks.take(SPOOL, 1, 0), Fresh { repeated: 0, missing: 0 });
    }

    proptest! {
        /// A shipper sends batches in order, and after each crash again from any earlier batch on.
        #[test]
        fn every_click_is_counted_once(sizes in proptest::collection::vec(1_usize..50, 1..20), crashes in proptest::collection::vec((0_usize..20, 0_usize..20), 0..10)) {
            let starts: Vec<u64> = sizes.iter().scan(1, |next, size| { let start = *next; *next += *size as u64; Some(start) }).collect();
            let mut sent: Vec<usize> = Vec::new();
            let mut upto = 0;
            for (ahead, back) in crashes {
                let end = (upto + ahead).min(sizes.len());
                sent.extend(upto..end);
                upto = end.saturating_sub(back);
            }
            sent.extend(upto..sizes.len());
            let mut marks = Watermarks::default();
            let mut counted = Vec::new();
            for index in sent {
                let fresh = marks.take(SPOOL, starts[index], sizes[index]);
                prop_assert_eq!(fresh.missing, 0);
                counted.extend((fresh.repeated..sizes[index]).map(|i| starts[index] + i as u64));
            }
            let all: Vec<u64> = (1..=sizes.iter().sum::<usize>() as u64).collect();
            prop_assert_eq!(counted, all);
        }
    }
}
