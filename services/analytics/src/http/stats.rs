//! Statistics: of many links at once, of one link, of all of an owner's.

use super::{JsonResult, State, Unknown, Usual, owned};
use crate::domain::facet::Count;
use crate::domain::window::Span;
use crate::domain::{Refusal, facet, is_code, series};
use crate::error::refuse;
use crate::statistics::FacetCounts;
use crate::store::stats::Scope;
use axum::extract;
use chassis::http::{Failure, Json, Path, Query, log_fields};
use chassis::jwt::Caller;
use chrono::{DateTime, Utc};
use contracts::moment;
use contracts::rest::analytics::{
    BATCH_LINKS_LIMIT, Dimension, FacetValue, Granularity, LinkStats, NamedCount, StatsBatch, StatsBatchRequest,
    StatsPoint, Totals, Window,
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

/// The dimensions of [`LinkStats`], in its order.
const DIMENSIONS: [Dimension; 6] = [
    Dimension::Referrer,
    Dimension::Country,
    Dimension::Browser,
    Dimension::OperatingSystem,
    Dimension::Device,
    Dimension::Language,
];

/// Tells facets of many links in one call.
#[utoipa::path(
    post,
    path = "/v1/stats/batch",
    tag = "statistics",
    request_body = StatsBatchRequest,
    responses((status = 200, description = "Every facet of every link that is the caller's", body = StatsBatch), Usual)
)]
pub(super) async fn batch(
    extract::State(state): extract::State<State>,
    caller: Caller,
    Json(request): Json<StatsBatchRequest>,
) -> JsonResult<StatsBatch> {
    let asked = request.codes.len();
    log_fields::add("codes", asked);
    let mut refusals = Vec::new();
    if asked == 0 || asked > BATCH_LINKS_LIMIT {
        refusals.push(Refusal {
            field: "codes".to_owned(),
            message: format!("Name 1 to {BATCH_LINKS_LIMIT} short codes."),
        });
    }
    let span = Span::parse(&request.window, Utc::now()).map_err(|refused| {
        let within = |refusal: Refusal| Refusal { field: format!("window.{}", refusal.field), ..refusal };
        refuse("", refused.into_iter().map(within).chain(refusals.clone()))
    })?;
    let counts = facet::parse(&request.facets, &span).unwrap_or_else(|refused| {
        refusals.extend(refused);
        Vec::new()
    });
    if !refusals.is_empty() {
        return Err(refuse("", refusals));
    }
    let database = &state.database;
    // What cannot be a code names no link.
    let codes: Vec<_> = request.codes.into_iter().filter(|code| is_code(code)).collect();
    // Told before anything is counted, so that it never promises too much.
    let (links, as_of) = tokio::try_join!(database.links_of(caller.user_id, &codes), database.as_of())?;
    if links.is_empty() {
        return Ok(Json(StatsBatch { links: [].into(), as_of }));
    }
    let scope = Scope::Links(links.values().copied().collect());
    let answers = FacetCounts::gather(database, &scope, &span, &counts).await?;
    let links = links.into_iter().map(|(code, id)| (code, answers.of(id, &counts))).collect();
    Ok(Json(StatsBatch { links, as_of }))
}

/// Which statistics of a link, or of all links, are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct StatsQuery {
    /// From when on, inclusive. 30 days before `to` when absent.
    #[serde(default, deserialize_with = "moment::optional")]
    from: Option<DateTime<Utc>>,
    /// Until when, exclusive. Now when absent. At most 400 days after `from`.
    #[serde(default, deserialize_with = "moment::optional")]
    to: Option<DateTime<Utc>>,
    /// IANA name of the zone in which days begin. UTC when absent.
    time_zone: Option<String>,
    /// Whether clicks of bots count too.
    #[serde(default)]
    include_bots: bool,
    /// The width of a point of the series. A day when absent.
    granularity: Option<Granularity>,
    /// How many values of each dimension are told at most: 1 to 100. 10 when absent.
    first: Option<u32>,
}

impl StatsQuery {
    fn parse(self) -> Result<(Span, Vec<Count>), Failure> {
        let usual = Window::default();
        let window = Window {
            from: self.from,
            to: self.to,
            time_zone: self.time_zone.unwrap_or(usual.time_zone),
            include_bots: self.include_bots,
        };
        let span = Span::parse(&window, Utc::now()).map_err(|refused| refuse("", refused))?;
        let points = series::points(&span, self.granularity.unwrap_or(Granularity::Day))
            .map_err(|refused| refuse("", [refused]))?;
        let first = self.first.unwrap_or(10);
        if !(1..=facet::TOP_LIMIT).contains(&first) {
            return Err(Failure::field("first", format!("Ask for 1 to {} values.", facet::TOP_LIMIT)));
        }
        let mut counts = vec![Count::Totals(span.clone()), Count::Totals(span.previous()), Count::Series(points)];
        counts.extend(DIMENSIONS.map(|dimension| Count::Top(dimension, first)));
        Ok((span, counts))
    }
}

/// Tells everything about one of the caller's links.
#[utoipa::path(
    get,
    path = "/v1/links/{code}/stats",
    tag = "statistics",
    params(("code" = String, Path, description = "The link's short code"), StatsQuery),
    responses((status = 200, description = "The link's statistics", body = LinkStats), Usual, Unknown)
)]
pub(super) async fn link(
    extract::State(state): extract::State<State>,
    caller: Caller,
    Path(code): Path<String>,
    Query(wanted): Query<StatsQuery>,
) -> JsonResult<LinkStats> {
    let (span, counts) = wanted.parse()?;
    let as_of = async { Ok(state.database.as_of().await?) };
    let (link, as_of) = tokio::try_join!(owned(&state.database, &caller, &code), as_of)?;
    tell(&state, Scope::Links(vec![link]), link, &span, &counts, as_of).await
}

/// Tells everything about all of the caller's links together.
#[utoipa::path(
    get,
    path = "/v1/stats",
    tag = "statistics",
    params(StatsQuery),
    responses((status = 200, description = "The statistics of all the caller's links", body = LinkStats), Usual)
)]
pub(super) async fn owner(
    extract::State(state): extract::State<State>,
    caller: Caller,
    Query(wanted): Query<StatsQuery>,
) -> JsonResult<LinkStats> {
    let (span, counts) = wanted.parse()?;
    let as_of = state.database.as_of().await?;
    tell(&state, Scope::Owner(caller.user_id), Uuid::nil(), &span, &counts, as_of).await
}

async fn tell(
    state: &State,
    scope: Scope,
    link: Uuid,
    span: &Span,
    counts: &[Count],
    as_of: DateTime<Utc>,
) -> JsonResult<LinkStats> {
    let answers = FacetCounts::gather(&state.database, &scope, span, counts).await?;
    let mut values = answers.of(link, counts).into_iter();
    let (totals, previous) = (totals(values.next().as_ref()), totals(values.next().as_ref()));
    let series = points(values.next());
    let [top_referrers, top_countries, browsers, operating_systems, devices, languages] =
        DIMENSIONS.map(|_| named(values.next()));
    Ok(Json(LinkStats {
        from: span.from,
        to: span.to,
        time_zone: span.zone.name().to_owned(),
        totals,
        previous,
        series,
        top_referrers,
        top_countries,
        browsers,
        operating_systems,
        devices,
        languages,
        as_of,
    }))
}

fn totals(value: Option<&FacetValue>) -> Totals {
    match value {
        Some(&FacetValue::Totals { clicks, unique_visitors }) => Totals { clicks, unique_visitors },
        _ => Totals::default(),
    }
}

fn points(value: Option<FacetValue>) -> Vec<StatsPoint> {
    match value {
        Some(FacetValue::Series { points }) => points,
        _ => Vec::new(),
    }
}

fn named(value: Option<FacetValue>) -> Vec<NamedCount> {
    match value {
        Some(FacetValue::Top { counts }) => counts,
        _ => Vec::new(),
    }
}
