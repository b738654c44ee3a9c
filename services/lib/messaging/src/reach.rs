//! Since when the broker can be reached, for deadlines of what waits for messages.

use crate::Broker;
use chrono::{DateTime, Utc};
use std::time::Duration;
use tokio::time::Instant;

/// How often the broker is looked at, at most.
const EVERY: Duration = Duration::from_secs(1);

/// Looks at the broker now and then, so that no deadline passes while messages cannot come.
pub struct Reach {
    broker: Broker,
    since: Option<DateTime<Utc>>,
    looked: Option<Instant>,
    /// Since when it counts as reached if the first look finds it there; the moment of that look if nothing stands here.
    before: Option<DateTime<Utc>>,
}

impl Broker {
    /// Begins to look at the broker. All before the first look counts as away: messages waited in their queues.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach { broker: self.clone(), since: None, looked: None, before: None }
    }
}

impl Reach {
    /// Takes a broker that is there at the first look for one that was there all the time before.
    #[must_use]
    pub fn trusting(self) -> Self {
        Self { before: Some(DateTime::UNIX_EPOCH), ..self }
    }

    /// Since when the broker has been reached without a break; nothing while it is away.
    pub async fn since(&mut self) -> Option<DateTime<Utc>> {
        if self.looked.is_none_or(|at| at.elapsed() >= EVERY) {
            let before = self.before.take();
            match self.broker.probe().await {
                Ok(()) => _ = self.since.get_or_insert_with(|| before.unwrap_or_else(Utc::now)),
                Err(error) => {
                    if self.since.take().is_some() {
                        let error = format!("{error:#}");
                        tracing::warn!(error, "The broker is away: what waits for its messages gets its time anew.");
                    }
                }
            }
            self.looked = Some(Instant::now());
        }
        self.since
    }
}
