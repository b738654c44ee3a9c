//! REST types of analytics.

use crate::moment;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// The most links that one batch may ask for.
pub const BATCH_LINKS_LIMIT: usize = 100;
/// The most different facets that one batch may ask for.
pub const BATCH_FACETS_LIMIT: usize = 20;

/// The span of time, and which clicks count.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// From when on, inclusive. 30 days before `to` when absent.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "moment::optional")]
    pub from: Option<DateTime<Utc>>,
    /// Until when, exclusive. Now when absent. At most 400 days after `from`.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "moment::optional")]
    pub to: Option<DateTime<Utc>>,
    /// IANA name of the zone in which days begin, for example `America/Sao_Paulo`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Whether clicks of bots count too.
    #[serde(default)]
    pub include_bots: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Default for Window {
    fn default() -> Self {
        Self { from: None, to: None, time_zone: utc(), include_bots: false }
    }
}

/// The width of a point of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// An hour. The window may span 31 days at most.
    Hour,
    /// A day of the window's zone.
    Day,
    /// A week of the window's zone, from Monday.
    Week,
    /// A month of the window's zone.
    Month,
}

/// What clicks can be grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The host that the visitor came from; `direct` where there was none.
    Referrer,
    /// ISO 3166-1 alpha-2; `unknown` where not known.
    Country,
    /// The browser's name.
    Browser,
    /// The operating system's name.
    OperatingSystem,
    /// `desktop`, `mobile`, `tablet`, `bot` or `other`.
    Device,
    /// The primary language subtag; `unknown` where not told.
    Language,
}

/// One thing to know about a link's clicks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Facet {
    /// Clicks and unique visitors of the whole window.
    Totals,
    /// Clicks and unique visitors by points in time; points without clicks are zero, not missing.
    Series {
        /// The width of a point.
        granularity: Granularity,
    },
    /// The most frequent values of a dimension.
    Top {
        /// What to group by.
        dimension: Dimension,
        /// How many at most: 1 to 100.
        first: u32,
    },
    /// The totals of the window of equal length right before this one.
    PreviousTotals,
}

/// What is known of one facet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FacetValue {
    /// For [`Facet::Totals`] and [`Facet::PreviousTotals`].
    Totals {
        /// Redirects answered.
        clicks: u64,
        /// Visitors that are unique by link, day, address and user agent.
        unique_visitors: u64,
    },
    /// For [`Facet::Series`].
    Series {
        /// In order of time.
        points: Vec<StatsPoint>,
    },
    /// For [`Facet::Top`].
    Top {
        /// Most frequent first; ties by name.
        counts: Vec<NamedCount>,
    },
}

/// Clicks and unique visitors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Redirects answered.
    pub clicks: u64,
    /// Visitors that are unique by link, day, address and user agent.
    pub unique_visitors: u64,
}

impl From<Totals> for FacetValue {
    fn from(Totals { clicks, unique_visitors }: Totals) -> Self {
        Self::Totals { clicks, unique_visitors }
    }
}

/// One point of a series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct StatsPoint {
    pub at: DateTime<Utc>,
    /// Redirects answered.
    pub clicks: u64,
    pub unique_visitors: u64,
}

/// A value and how often it came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct NamedCount {
    pub name: String,
    /// Redirects answered.
    pub count: u64,
}

/// `POST /v1/stats/batch`: many links and facets in one call. Every facet is told for every link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatsBatchRequest {
    /// 1 to 100 short codes. Codes that are not the caller's, or not known yet, are left out of the answer.
    pub codes: Vec<String>,
    pub window: Window,
    /// 1 to 20 different facets.
    pub facets: Vec<Facet>,
}

/// The answer to `POST /v1/stats/batch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatsBatch {
    /// By short code: a value per facet, in the order of the request's facets.
    pub links: BTreeMap<String, Vec<FacetValue>>,
    /// Clicks until then are certainly counted.
    pub as_of: DateTime<Utc>,
}

/// `GET /v1/links/{code}/stats` and `GET /v1/stats`: everything about one link, or about all of the caller's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkStats {
    /// From when on, inclusive.
    pub from: DateTime<Utc>,
    /// Until when, exclusive.
    pub to: DateTime<Utc>,
    /// The zone in which days begin.
    pub time_zone: String,
    /// Totals of the window.
    pub totals: Totals,
    /// Totals of the window of equal length right before.
    pub previous: Totals,
    /// By day, or as `granularity` said.
    pub series: Vec<StatsPoint>,
    /// Hosts that visitors came from.
    pub top_referrers: Vec<NamedCount>,
    pub top_countries: Vec<NamedCount>,
    pub browsers: Vec<NamedCount>,
    pub operating_systems: Vec<NamedCount>,
    pub devices: Vec<NamedCount>,
    pub languages: Vec<NamedCount>,
    /// Clicks until then are certainly counted.
    pub as_of: DateTime<Utc>,
}

/// One click as it is told live (`text/event-stream`, event `click`) and exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClickRow {
    pub code: String,
    pub clicked_at: DateTime<Utc>,
    /// The host that the visitor came from.
    pub referrer: String,
    pub country: String,
    pub browser: String,
    pub operating_system: String,
    pub device: String,
    pub language: String,
    /// Whether a bot clicked.
    pub bot: bool,
}
