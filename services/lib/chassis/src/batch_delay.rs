//! A short wait that lets work pile up while there is much of it.

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a batch waits for more behind a large one: a few commits' time, and little beside what anybody waits for
/// under load.
const DELAY: Duration = Duration::from_millis(30);
/// For how long a large batch is a sign of more.
const RECENT: Duration = Duration::from_millis(250);
/// How many pieces of work that come at once are a sign of more.
const SEVERAL: usize = 2;

/// Paces whoever does what has piled up in batches: behind a large batch the next one is taken a little later, and is larger
/// for it. What comes while there is little to do never waits.
///
/// Without it a busy program takes each piece as it comes, pays for a transaction and a flush each time, and is so
/// kept busy. It is what Kafka's `linger.ms` and Postgres's `commit_delay` are for.
#[derive(Debug)]
pub struct BatchDelay {
    large: usize,
    /// When the last batch was done, if it was large.
    large_at: Option<Instant>,
}

impl Default for BatchDelay {
    /// Two are many.
    fn default() -> Self {
        Self::after(SEVERAL)
    }
}

impl BatchDelay {
    /// Batches of at least so many are large.
    #[must_use]
    pub const fn after(large: usize) -> Self {
        Self { large, large_at: None }
    }

    /// Notes that a batch of so many was done just now.
    pub fn note(&mut self, count: usize) {
        self.large_at = (count >= self.large).then(Instant::now);
    }

    /// Lets more come, if the last batch was large and is not long ago.
    pub async fn wait(&self) {
        if self.large_at.is_some_and(|at| at.elapsed() < RECENT) {
            sleep(DELAY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BatchDelay, DELAY, RECENT};
    use std::time::Duration;
    use tokio::time::{Instant, advance};

    /// How long the next batch waits.
    async fn waits(delay: &BatchDelay) -> Duration {
        let began = Instant::now();
        delay.wait().await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_lot_waits_only_behind_a_large_one_of_just_now() {
        let mut delay = BatchDelay::default();
        assert_eq!(waits(&delay).await, Duration::ZERO);
        delay.note(1);
        assert_eq!(waits(&delay).await, Duration::ZERO);
        delay.note(2);
        assert_eq!(waits(&delay).await, DELAY);
        delay.note(1);
        assert_eq!(waits(&delay).await, Duration::ZERO);
        delay.note(2);
        advance(RECENT).await;
        assert_eq!(waits(&delay).await, Duration::ZERO, "the load is over");
    }
}
