//! Copies of statistics, and how many one user may keep.

use std::collections::HashMap;
use std::time::Duration;

use breaker::Registry;
use chrono::Utc;
use contracts::rest::analytics::{Facet, FacetValue, NamedCount, StatsBatch, Window};
use gateway::config;
use gateway::stale_cache::{StaleCache, StaleFacet};
use gateway::store::Store;
use kit::Sandbox;
use serde_json::json;

const FACETS: [Facet; 1] = [Facet::Totals];

fn window() -> Window {
    serde_json::from_value(json!({})).expect("the usual window")
}

fn batch(code: &str, names: usize) -> StatsBatch {
    let count = |number| NamedCount { name: format!("country {number}"), count: 1 };
    let value = FacetValue::Top { counts: (0..names).map(count).collect() };
    StatsBatch { links: [(code.to_owned(), vec![value])].into(), as_of: Utc::now() }
}

async fn found(copies: &StaleCache, user: &str, codes: &[&str]) -> HashMap<(String, Facet), StaleFacet> {
    let codes: Vec<_> = codes.iter().map(|code| (*code).to_owned()).collect();
    copies.find(user, &window(), &codes, &FACETS).await
}

/// Waits until a copy of a code is there.
async fn appears(copies: &StaleCache, code: &str) {
    let there = async || Ok((found(copies, "ana", &[code]).await.len() == 1).then_some(()));
    kit::eventually(Duration::from_secs(30), "the copy", there).await.expect("the copy is kept");
}

#[tokio::test]
async fn what_did_not_change_is_not_written_again() {
    let sandbox = Sandbox::of("gateway").await.expect("Redis for tests runs");
    let login = sandbox.redis("gateway");
    let settings = json!({ "url": login.url, "prefix": login.prefix });
    let store = Store::new(&serde_json::from_value(settings).expect("settings"), &Registry::new(10)).expect("a store");
    let copies = StaleCache::new(store, config::StaleCache::default());
    let client = redis::Client::open(login.url.as_str()).expect("a URL");
    let mut redis = client.get_multiplexed_async_connection().await.expect("a connection");
    copies.keep("ana", &window(), &FACETS, &batch("a", 10)).await;
    appears(&copies, "a").await;
    let key = format!("{}stats:ana:a:0:0:UTC:humans", login.prefix);
    let removed = redis::cmd("UNLINK").arg(key).query_async::<u64>(&mut redis).await;
    assert_eq!(removed.expect("an answer"), 1);
    // Analytics has counted until later moments, and nothing has come.
    for _ in 0..20 {
        copies.keep("ana", &window(), &FACETS, &batch("a", 10)).await;
    }
    copies.keep("ana", &window(), &FACETS, &batch("b", 10)).await;
    // Both are looked for at once: a Redis that is late knows neither, and then nothing is said about the first.
    let both = async || Ok(Some(found(&copies, "ana", &["a", "b"]).await).filter(|found| !found.is_empty()));
    let kept = kit::eventually(Duration::from_secs(30), "a copy", both).await.expect("the second is kept");
    let kept: Vec<_> = kept.into_keys().map(|(code, _)| code).collect();
    assert_eq!(kept, ["b"], "the first was not written again");
    copies.keep("ana", &window(), &FACETS, &batch("a", 11)).await;
    appears(&copies, "a").await;
}

#[tokio::test]
async fn one_user_keeps_so_many_copies_of_such_a_size_and_others_keep_theirs() {
    let sandbox = Sandbox::of("gateway").await.expect("Redis for tests runs");
    let login = sandbox.redis("gateway");
    let settings = json!({ "url": login.url, "prefix": login.prefix });
    let store = Store::new(&serde_json::from_value(settings).expect("settings"), &Registry::new(10)).expect("a store");
    let bounds = config::StaleCache { most_per_user: 3, most_bytes: 2_000, ..config::StaleCache::default() };
    let copies = StaleCache::new(store, bounds);
    let kept = async |user: &str, code: &str| {
        copies.keep(user, &window(), &FACETS, &batch(code, 10)).await;
        let there = async || Ok((found(&copies, user, &[code]).await.len() == 1).then_some(()));
        kit::eventually(Duration::from_secs(30), "the copy", there).await.expect("the copy is kept");
    };
    kept("rui", "theirs").await;
    // Too large for one: it is not kept, and so nothing waits for it.
    copies.keep("ana", &window(), &FACETS, &batch("large", 1_000)).await;
    for code in ["a", "b", "c", "d", "e"] {
        kept("ana", code).await;
    }
    let mut left: Vec<_> = found(&copies, "ana", &["large", "a", "b", "c", "d", "e"]).await.into_keys().collect();
    left.sort();
    assert_eq!(left.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["c", "d", "e"], "the latest three");
    assert_eq!(found(&copies, "rui", &["theirs"]).await.len(), 1);
}
