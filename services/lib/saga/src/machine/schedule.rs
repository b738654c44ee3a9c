//! How patiently a step is tried that must not be given up: a compensation, or a step behind the pivot.

use std::time::Duration;

/// The pauses after each attempt, in seconds: twelve attempts within 24 hours (23 h 51 min 50 s).
///
/// | attempt | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 |
/// | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
/// | then waits | 5 s | 15 s | 30 s | 1 min | 5 min | 15 min | 30 min | 1 h | 2 h | 4 h | 8 h | 8 h |
const PAUSES: [u64; 12] = [5, 15, 30, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800];

/// How many attempts are made before an operator is needed.
pub const ATTEMPTS: u32 = PAUSES.len() as u32;

/// How long to wait after the attempt of this number, from 1.
#[must_use]
pub fn pause(attempt: u32) -> Duration {
    let index = (attempt.max(1) as usize - 1).min(PAUSES.len() - 1);
    Duration::from_secs(PAUSES[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_attempts_take_a_day() {
        let day: u64 = (1..=ATTEMPTS).map(|attempt| pause(attempt).as_secs()).sum();
        assert_eq!((ATTEMPTS, day), (12, 85_910));
        assert!(day < 24 * 3600);
        assert_eq!(pause(0), pause(1));
        assert_eq!(pause(99), pause(12));
    }
}
