//! What a consumer consumes, and how patiently.

use contracts::amqp::{COMMANDS_EXCHANGE, EVENTS_EXCHANGE};
use std::time::Duration;

/// What one consumer is to get, and what happens when it fails.
#[derive(Debug, Clone)]
pub struct Subscription {
    name: String,
    pub(crate) exchange: &'static str,
    pub(crate) keys: Vec<String>,
    pub(crate) partitions: u16,
    pub(crate) prefetch: u16,
    pub(crate) batch: usize,
    pub(crate) tries: u32,
    pub(crate) pause: Duration,
    pub(crate) limit: Duration,
    pub(crate) schedule: Vec<Duration>,
    pub(crate) delivery_limit: i32,
}

impl Subscription {
    /// Subscribes the consumer `name` (`<service>.<purpose>`: its queues are named after it) to the
    /// events of these types.
    ///
    /// Defaults: 4 partitions, 32 messages in hand, 3 tries with pauses from 100 ms, 30 s for a
    /// try, then 5 s, 30 s, 2 min and 10 min later, then the dead letters; a message that 20
    /// consumers in a row crashed on is a dead letter, too.
    pub fn new<K: Into<String>>(name: impl Into<String>, types: impl IntoIterator<Item = K>) -> Self {
        Self {
            name: name.into(),
            exchange: EVENTS_EXCHANGE,
            keys: types.into_iter().map(Into::into).collect(),
            partitions: 4,
            prefetch: 32,
            batch: 1,
            tries: 3,
            pause: Duration::from_millis(100),
            limit: Duration::from_secs(30),
            schedule: [5, 30, 120, 600].map(Duration::from_secs).into(),
            delivery_limit: 20,
        }
    }

    /// Subscribes the consumer `name` to commands by their types, or to replies by the keys that they are routed by.
    /// The defaults are those of [`new`](Self::new).
    pub fn to_commands<K: Into<String>>(name: impl Into<String>, keys: impl IntoIterator<Item = K>) -> Self {
        Self { exchange: COMMANDS_EXCHANGE, ..Self::new(name, keys) }
    }

    /// The consumer's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets how many subjects may be worked on at once. Subjects would move to other partitions:
    /// never change it while messages wait.
    #[must_use]
    pub fn partitions(mut self, partitions: u16) -> Self {
        self.partitions = partitions.max(1);
        self
    }

    /// Sets how many messages of a partition are fetched ahead.
    #[must_use]
    pub fn prefetch(mut self, prefetch: u16) -> Self {
        self.prefetch = prefetch.max(1);
        self
    }

    /// Sets up to how many messages of a partition, of those that have come meanwhile, are one batch (1 by default):
    /// worth it where one transaction for all costs less than one for each. Behind a batch of several the next one waits
    /// 30 ms for more. Fetches as many ahead.
    #[must_use]
    pub fn batch(mut self, most: u16) -> Self {
        self.batch = most.max(1).into();
        let prefetch = self.prefetch.max(most);
        self.prefetch(prefetch)
    }

    /// Sets how many tries are made at once, the pause before the second (it doubles after each),
    /// and how long one may take.
    #[must_use]
    pub fn tries(mut self, tries: u32, pause: Duration, limit: Duration) -> Self {
        (self.tries, self.pause, self.limit) = (tries.max(1), pause, limit);
        self
    }

    /// Sets after which delays a failing message is tried again; none makes it a dead letter at once.
    #[must_use]
    pub fn retry_schedule(mut self, delays: impl IntoIterator<Item = Duration>) -> Self {
        self.schedule = delays.into_iter().collect();
        self
    }

    /// Sets after how many crashes of its consumers a message is a dead letter.
    #[must_use]
    pub fn delivery_limit(mut self, limit: i32) -> Self {
        self.delivery_limit = limit;
        self
    }
}
