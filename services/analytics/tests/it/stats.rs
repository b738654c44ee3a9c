//! Statistics of known clicks.

use crate::support::{BOT, PHONE, TestApp, at, click, exactly, problem};
use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::{
    event::shortener::Click,
    rest::analytics::{FacetValue, LinkStats, NamedCount, StatsBatch, StatsPoint, Totals},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

fn named(counts: &[(&str, u64)]) -> Vec<NamedCount> {
    counts.iter().map(|(name, count)| NamedCount { name: (*name).to_owned(), count: *count }).collect()
}

fn totals(clicks: u64, unique_visitors: u64) -> Totals {
    Totals { clicks, unique_visitors }
}

/// Three people (one of them twice) and a bot in March, one click in February.
fn march(url_id: Uuid) -> Vec<Click> {
    let person = |at: &str, visitor| click(url_id, crate::support::at(at), visitor);
    vec![
        person("2026-02-20T10:00:00Z", 9),
        Click { referrer: Some("news.example".into()), ..person("2026-03-02T00:00:00.001Z", 1) },
        Click { user_agent: Some(PHONE.into()), country: None, ..person("2026-03-02T10:20:00Z", 1) },
        Click { user_agent: Some(PHONE.into()), language: None, ..person("2026-03-09T23:59:59.999Z", 2) },
        person("2026-03-10T00:00:00Z", 3),
        Click { user_agent: Some(BOT.into()), ..person("2026-03-05T00:00:00Z", 4) },
    ]
}

const WINDOW: &str = "from=2026-03-01T00:07:00Z&to=2026-03-10T00:00:00.001Z";

#[tokio::test]
async fn a_links_statistics_are_what_was_clicked() -> Result<()> {
    let app = TestApp::start().await?;
    let owner = Uuid::now_v7();
    let link = app.link(owner, "march").await?;
    let other = app.link(owner, "other").await?;
    let spool = Uuid::now_v7();
    app.shortener.click(spool, 1, march(link)).await?;
    app.shortener.click(spool, 7, vec![click(other, at("2026-03-03T00:00:00Z"), 1)]).await?;
    exactly(&app.sandbox, 7).await?;

    let stats: LinkStats = app.read(owner, &format!("/v1/links/march/stats?{WINDOW}")).await?;
    assert_eq!(stats.totals, totals(4, 3));
    assert_eq!(stats.previous, totals(1, 1));
    assert_eq!(stats.series.len(), 10);
    let days: Vec<u64> = stats.series.iter().map(|point| point.clicks).collect();
    assert_eq!(days, [0, 2, 0, 0, 0, 0, 0, 0, 1, 1]);
    assert_eq!(stats.series[1].unique_visitors, 1);
    assert_eq!(stats.series[1].at, at("2026-03-02T00:00:00Z"));
    assert_eq!(stats.top_referrers, named(&[("direct", 3), ("news.example", 1)]));
    assert_eq!(stats.top_countries, named(&[("BR", 3), ("unknown", 1)]));
    assert_eq!(stats.browsers, named(&[("Chrome", 2), ("Safari", 2)]), "ties go by name");
    assert_eq!(stats.operating_systems, named(&[("Windows", 2), ("iOS", 2)]));
    assert_eq!(stats.devices, named(&[("desktop", 2), ("mobile", 2)]));
    assert_eq!(stats.languages, named(&[("pt", 3), ("unknown", 1)]));
    assert!(stats.as_of <= Utc::now());

    let bots: LinkStats =
        app.read(owner, &format!("/v1/links/march/stats?{WINDOW}&include_bots=true&granularity=month&first=1")).await?;
    assert_eq!(bots.totals, totals(5, 4));
    assert_eq!(bots.devices, named(&[("desktop", 2)]));
    assert_eq!(bots.series.len(), 1);

    let all: LinkStats = app.read(owner, &format!("/v1/stats?{WINDOW}")).await?;
    assert_eq!(all.totals, totals(5, 3), "one visitor of both links has a hash of its own in each");
    let nobody: LinkStats = app.read(Uuid::now_v7(), &format!("/v1/stats?{WINDOW}")).await?;
    assert_eq!((nobody.totals, nobody.series.len()), (totals(0, 0), 10));
    Ok(())
}

#[tokio::test]
async fn a_batch_tells_every_facet_of_every_link_that_is_the_callers() -> Result<()> {
    let app = TestApp::start().await?;
    let (owner, stranger) = (Uuid::now_v7(), Uuid::now_v7());
    let link = app.link(owner, "one").await?;
    app.link(owner, "empty").await?;
    let theirs = app.link(stranger, "theirs").await?;
    let spool = Uuid::now_v7();
    app.shortener.click(spool, 1, march(link)).await?;
    app.shortener.click(spool, 7, march(theirs)).await?;
    exactly(&app.sandbox, 12).await?;

    let request = json!({
        "codes": ["one", "theirs", "empty", "unknown"],
        "window": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-10T00:00:00Z"},
        "facets": [
            {"kind": "top", "dimension": "browser", "first": 1},
            {"kind": "totals"},
            {"kind": "series", "granularity": "week"},
            {"kind": "previous_totals"},
            {"kind": "top", "dimension": "browser", "first": 5},
        ],
    });
    let answer = app.send(owner, Method::POST, "/v1/stats/batch", Some(request.clone())).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    let batch: StatsBatch = serde_json::from_str(&answer.text().await?)?;
    assert_eq!(batch.links.keys().collect::<Vec<_>>(), ["empty", "one"]);
    let points = |clicks: [(u64, u64); 3]| {
        let starts = ["2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"].map(at);
        let points = starts.into_iter().zip(clicks);
        points.map(|(at, (clicks, unique_visitors))| StatsPoint { at, clicks, unique_visitors }).collect()
    };
    assert_eq!(
        batch.links["one"],
        [
            FacetValue::Top { counts: named(&[("Safari", 2)]) },
            FacetValue::from(totals(3, 2)),
            FacetValue::Series { points: points([(0, 0), (2, 1), (1, 1)]) },
            FacetValue::from(totals(1, 1)),
            FacetValue::Top { counts: named(&[("Safari", 2), ("Chrome", 1)]) },
        ]
    );
    assert_eq!(
        batch.links["empty"],
        [
            FacetValue::Top { counts: Vec::new() },
            FacetValue::from(totals(0, 0)),
            FacetValue::Series { points: points([(0, 0); 3]) },
            FacetValue::from(totals(0, 0)),
            FacetValue::Top { counts: Vec::new() },
        ]
    );
    let answer = app.send(Uuid::now_v7(), Method::POST, "/v1/stats/batch", Some(request)).await?;
    let nothing: Value = serde_json::from_str(&answer.text().await?)?;
    assert_eq!(nothing["links"], json!({}));
    Ok(())
}

#[tokio::test]
async fn days_and_hours_are_those_of_the_callers_zone_when_clocks_change() -> Result<()> {
    let app = TestApp::start().await?;
    let owner = Uuid::now_v7();
    let link = app.link(owner, "clock").await?;
    // Every hour from 2026-10-24T00:00Z on, for two days; Berlin's clock is put back on the 25th at 01:00Z.
    let first: DateTime<Utc> = at("2026-10-24T00:30:00Z");
    let clicks = (0..48).map(|hour| click(link, first + TimeDelta::hours(hour.into()), u128::from(hour as u64)));
    app.shortener.click(Uuid::now_v7(), 1, clicks.collect()).await?;
    exactly(&app.sandbox, 48).await?;
    let window = "from=2026-10-23T22:00:00Z&to=2026-10-26T23:00:00Z&time_zone=Europe/Berlin";
    let days: LinkStats = app.read(owner, &format!("/v1/links/clock/stats?{window}")).await?;
    let clicks: Vec<u64> = days.series.iter().map(|point| point.clicks).collect();
    assert_eq!(clicks, [22, 25, 1], "the day on which clocks are put back has 25 hours");
    assert_eq!(days.series[1].at, at("2026-10-24T22:00:00Z"));
    assert_eq!(days.series[2].at, at("2026-10-25T23:00:00Z"));
    let hours: LinkStats = app.read(owner, &format!("/v1/links/clock/stats?{window}&granularity=hour")).await?;
    assert_eq!(hours.series.len(), 24 + 25 + 24);
    assert_eq!(hours.series.iter().map(|point| point.clicks).sum::<u64>(), 48);
    assert!(hours.series.iter().all(|point| point.clicks <= 1));
    let kathmandu: LinkStats = app
        .read(owner, "/v1/links/clock/stats?from=2026-10-24T00:00:00Z&to=2026-10-25T00:00:00Z&time_zone=Asia/Kathmandu")
        .await?;
    let clicks: Vec<u64> = kathmandu.series.iter().map(|point| point.clicks).collect();
    assert_eq!(clicks, [18, 6], "18:15Z is midnight there");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_the_field() -> Result<()> {
    let app = TestApp::start().await?;
    let owner = Uuid::now_v7();
    app.link(owner, "mine").await?;
    for (query, field) in [
        ("from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("from=2024-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("time_zone=Mars/Olympus", "time_zone"),
        ("from=yesterday", "from"),
        ("granularity=minute", "granularity"),
        ("granularity=hour&from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", "granularity"),
        ("first=0", "first"),
        ("first=101", "first"),
        ("include_bots=maybe", "include_bots"),
        ("whatever=1", "whatever"),
    ] {
        for path in ["/v1/links/mine/stats", "/v1/stats"] {
            let answer = app.get(owner, &format!("{path}?{query}")).await?;
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
            let problem = problem(answer).await?;
            assert_eq!(problem.errors[0].field, field, "{query}: {problem:?}");
        }
    }
    let usual = json!({"codes": ["mine"], "window": {}, "facets": [{"kind": "totals"}]});
    let codes: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    for (change, field) in [
        (json!({"codes": []}), "codes"),
        (json!({"codes": codes}), "codes"),
        (json!({"facets": []}), "facets"),
        (json!({"facets": [{"kind": "top", "dimension": "country", "first": 0}]}), "facets[0].first"),
        (json!({"facets": [{"kind": "totals"}, {"kind": "totals"}]}), "facets[1]"),
        (json!({"window": {"time_zone": "Nowhere"}}), "window.time_zone"),
        (json!({"window": {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}}), "window.from"),
        (json!({"more": 1}), "more"),
    ] {
        let mut body = usual.clone();
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = app.send(owner, Method::POST, "/v1/stats/batch", Some(body)).await?;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{change}");
        let problem = problem(answer).await?;
        assert_eq!(problem.errors[0].field, field, "{change}: {problem:?}");
    }
    Ok(())
}
