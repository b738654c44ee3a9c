//! Statistics of a link: each field loads what it needs, and all that a level needs travels in one call.

use super::immediate::Immediate;
use super::load::{LoadedFacet, StatsOf, load};
use super::scalars::Moment;
use crate::clients::ServiceError;
use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use contracts::problem::{Code, Problem};
use contracts::rest::analytics::{self, Dimension, Facet, FacetValue, Totals, Window};

/// How many browsers and devices are listed: more than there are.
const ALL: u32 = 100;

pub struct LinkStats {
    code: String,
    window: Window,
}

/// The time span of one point in a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "analytics::Granularity")]
pub enum Granularity {
    /// An hour.
    Hour,
    /// A day of the time zone.
    Day,
    /// A week of the time zone, from Monday.
    Week,
    /// A month of the time zone.
    Month,
}

/// One point in a series.
#[derive(SimpleObject)]
pub struct StatsPoint {
    /// When the point begins.
    at: Moment,
    /// The number of redirects.
    clicks: u64,
    /// The number of unique visitors.
    unique_visitors: u64,
}

/// A value and how often it occurred.
#[derive(SimpleObject)]
pub struct NamedCount {
    /// The value.
    name: String,
    /// The number of redirects.
    count: u64,
}

/// Statistics of a link in a time span.
#[Object]
impl LinkStats {
    /// The number of redirects.
    async fn clicks(&self, ctx: &Context<'_>) -> Result<u64> {
        Ok(self.totals(ctx).await?.clicks)
    }

    /// Unique visitors: the same address and user agent count once for each link and day.
    async fn unique_visitors(&self, ctx: &Context<'_>) -> Result<u64> {
        Ok(self.totals(ctx).await?.unique_visitors)
    }

    /// Clicks and unique visitors over time.
    async fn series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The time span of each point.", default_with = "Granularity::Day")] granularity: Granularity,
    ) -> Result<Vec<Immediate<StatsPoint>>> {
        let facet = Facet::Series { granularity: granularity.into() };
        match self.load(ctx, facet).await?.value {
            FacetValue::Series { points } => Ok(points.into_iter().map(StatsPoint::from).map(Immediate).collect()),
            _ => Err(mixed_up()),
        }
    }

    /// Hosts that visitors came from, most frequent first.
    async fn top_referrers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many at most: 1 to 100.", default_with = "Some(10)")] first: Option<i32>,
    ) -> Result<Vec<Immediate<NamedCount>>> {
        self.top(ctx, Dimension::Referrer, listed(first)?).await
    }

    /// Countries that visitors came from, most frequent first.
    async fn top_countries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many at most: 1 to 100.", default_with = "Some(10)")] first: Option<i32>,
    ) -> Result<Vec<Immediate<NamedCount>>> {
        self.top(ctx, Dimension::Country, listed(first)?).await
    }

    /// Browsers, most frequent first.
    async fn browsers(&self, ctx: &Context<'_>) -> Result<Vec<Immediate<NamedCount>>> {
        self.top(ctx, Dimension::Browser, ALL).await
    }

    /// Kinds of devices, most frequent first.
    async fn devices(&self, ctx: &Context<'_>) -> Result<Vec<Immediate<NamedCount>>> {
        self.top(ctx, Dimension::Device, ALL).await
    }

    /// All clicks until this time are counted.
    async fn as_of(&self, ctx: &Context<'_>) -> Result<Moment> {
        Ok(self.load(ctx, Facet::Totals).await?.as_of.into())
    }

    /// Whether these are earlier statistics, shown because analytics is not available.
    async fn stale(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.load(ctx, Facet::Totals).await?.stale)
    }
}

impl LinkStats {
    /// Makes statistics that are not loaded yet.
    pub const fn new(code: String, window: Window) -> Self {
        Self { code, window }
    }

    async fn load(&self, ctx: &Context<'_>, facet: Facet) -> Result<LoadedFacet> {
        let key = StatsOf { code: self.code.clone(), window: self.window.clone(), facet };
        load(ctx, key).await?.ok_or_else(mixed_up)
    }

    async fn totals(&self, ctx: &Context<'_>) -> Result<Totals> {
        match self.load(ctx, Facet::Totals).await?.value {
            FacetValue::Totals { clicks, unique_visitors } => Ok(Totals { clicks, unique_visitors }),
            _ => Err(mixed_up()),
        }
    }

    async fn top(&self, ctx: &Context<'_>, dimension: Dimension, first: u32) -> Result<Vec<Immediate<NamedCount>>> {
        match self.load(ctx, Facet::Top { dimension, first }).await?.value {
            FacetValue::Top { counts } => Ok(counts.into_iter().map(NamedCount::from).map(Immediate).collect()),
            _ => Err(mixed_up()),
        }
    }
}

/// Checks how many are wanted here: the batch is everybody's, and one bad number would spoil it for all.
fn listed(first: Option<i32>) -> Result<u32, ServiceError> {
    let first = first.unwrap_or(10);
    match u32::try_from(first) {
        Ok(first @ 1..=100) => Ok(first),
        _ => Err(ServiceError::argument("first", "must be 1 to 100")),
    }
}

fn mixed_up() -> async_graphql::Error {
    let detail = "analytics sent a response that does not fit the request.";
    ServiceError::of("analytics", Problem::new(Code::BadUpstream, detail)).into()
}

impl From<analytics::StatsPoint> for StatsPoint {
    fn from(point: analytics::StatsPoint) -> Self {
        Self { at: point.at.into(), clicks: point.clicks, unique_visitors: point.unique_visitors }
    }
}

impl From<analytics::NamedCount> for NamedCount {
    fn from(counted: analytics::NamedCount) -> Self {
        Self { name: counted.name, count: counted.count }
    }
}
