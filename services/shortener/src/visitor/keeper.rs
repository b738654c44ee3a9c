//! Sees to it that all instances hash with the same salts, and that the salts go.

use super::keys::{Visitors, day_of};
use crate::store::{SaltRow, Salts};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// How long before midnight the next day's salt is agreed on.
const AHEAD: TimeDelta = TimeDelta::hours(2);
/// How long after its day a salt is kept, for instances whose clocks are behind. Together with
/// [`AHEAD`], the day itself, and the minute that MongoDB may take: a salt lives under 27 hours.
const AFTER: TimeDelta = TimeDelta::minutes(10);
/// How long after midnight a process keeps its key, for requests under way.
const UNDER_WAY: TimeDelta = TimeDelta::minutes(1);
/// How often [`Keeper::renew`] is to be called.
pub const EVERY: Duration = Duration::from_secs(30);

/// Agrees on salts with the other instances, through the store.
#[derive(Clone)]
pub struct Keeper {
    salts: Salts,
    visitors: Visitors,
}

impl Keeper {
    /// Makes a keeper of the keys of `visitors`.
    pub fn new(salts: Salts, visitors: Visitors) -> Self {
        Self { salts, visitors }
    }

    /// Drops expired salts and agrees on what is needed at `now` and shortly after. Fails when the store does; expired
    /// salts were dropped all the same.
    pub async fn renew(&self, now: DateTime<Utc>) -> anyhow::Result<()> {
        let today = day_of(now.timestamp_millis());
        let mut keys = self.visitors.load();
        keys.drop_before(day_of((now - UNDER_WAY).timestamp_millis()));
        self.visitors.store(keys.clone());
        let next = day_of((now + AHEAD).timestamp_millis());
        for day in today..=next {
            let agreed = self.salts.agree(offer(day)).await?;
            keys.put(day, &agreed.salt.bytes);
        }
        self.visitors.store(keys);
        Ok(())
    }
}

/// A new salt for a day, with the time of its end.
fn offer(day: i64) -> SaltRow {
    let end = DateTime::UNIX_EPOCH + TimeDelta::days(day + 1);
    SaltRow::new(day, rand::random(), end + AFTER)
}
