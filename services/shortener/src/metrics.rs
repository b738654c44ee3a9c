//! Names of the service's metrics, and handles for those of the hot path.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Redirect requests, by `outcome`: `redirected`, `fallback`, `unknown`, `gone`, `head`, `refused`.
pub const REDIRECTS: &str = "redirects_total";
/// How long an answer to a redirect request took, in seconds.
pub const REDIRECT_DURATION: &str = "redirect_duration_seconds";
/// Lookups of codes, by `source`: `process`, `redis`, `mongo`, `stale`.
pub const LOOKUPS: &str = "code_lookups_total";
/// Clicks in the spool that are not shipped yet.
pub const SPOOL_PENDING: &str = "spool_pending";
/// The age of the oldest of them, in seconds.
pub const SPOOL_OLDEST: &str = "spool_oldest_seconds";
/// The size of all segments, in bytes.
pub const SPOOL_BYTES: &str = "spool_bytes";
/// Lines of the spool that could not be read and were put aside.
pub const SPOOL_QUARANTINED: &str = "spool_quarantined_total";
/// Clicks shipped to the broker.
pub const SPOOL_SHIPPED: &str = "spool_shipped_total";
/// Clicks added to links' counts.
pub const CLICKS_COUNTED: &str = "clicks_counted_total";
/// Links made, by `how`: `single`, `bulk`.
pub const LINKS_CREATED: &str = "links_created_total";

/// Counters of redirects, made once: looking a metric up costs more than counting.
pub struct Redirects {
    /// Led to the target.
    pub redirected: Counter,
    /// Led to the fallback.
    pub fallback: Counter,
    /// No such code.
    pub unknown: Counter,
    /// Expired, used up or deleted.
    pub gone: Counter,
    /// `HEAD`: answered, not a click.
    pub head: Counter,
    /// Could not be answered.
    pub refused: Counter,
    /// How long it took.
    pub duration: Histogram,
}

impl Redirects {
    /// Registers the metrics.
    pub fn new() -> Self {
        let of = |outcome: &'static str| counter!(REDIRECTS, "outcome" => outcome);
        Self {
            redirected: of("redirected"),
            fallback: of("fallback"),
            unknown: of("unknown"),
            gone: of("gone"),
            head: of("head"),
            refused: of("refused"),
            duration: histogram!(REDIRECT_DURATION),
        }
    }
}

impl Default for Redirects {
    fn default() -> Self {
        Self::new()
    }
}

/// Counters of lookups.
pub struct Lookups {
    /// Answered from the process's memory.
    pub process: Counter,
    /// Answered by Redis.
    pub redis: Counter,
    /// Answered by MongoDB.
    pub mongo: Counter,
    /// Answered with what was known last.
    pub stale: Counter,
}

impl Lookups {
    /// Registers the metrics.
    pub fn new() -> Self {
        let of = |source: &'static str| counter!(LOOKUPS, "source" => source);
        Self { process: of("process"), redis: of("redis"), mongo: of("mongo"), stale: of("stale") }
    }
}

impl Default for Lookups {
    fn default() -> Self {
        Self::new()
    }
}

/// Measures of the spool.
pub struct Spools {
    /// Clicks not shipped.
    pub pending: Gauge,
    /// The age of the oldest.
    pub oldest: Gauge,
    /// The size of the segments.
    pub bytes: Gauge,
    /// Lines put aside.
    pub quarantined: Counter,
    /// Clicks shipped.
    pub shipped: Counter,
}

impl Spools {
    /// Registers the metrics.
    pub fn new() -> Self {
        Self {
            pending: gauge!(SPOOL_PENDING),
            oldest: gauge!(SPOOL_OLDEST),
            bytes: gauge!(SPOOL_BYTES),
            quarantined: counter!(SPOOL_QUARANTINED),
            shipped: counter!(SPOOL_SHIPPED),
        }
    }
}

impl Default for Spools {
    fn default() -> Self {
        Self::new()
    }
}
