//! Codes that collide.

use crate::app::{TARGET, TestApp};
use contracts::rest::shortener::CreateLink;
use shortener::{
    Error,
    app::Catalogue,
    config::Cache,
    domain::{ShortCode, TargetPolicy},
    lookup::Lookup,
    store::Store,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

async fn catalogue(app: &TestApp, generate: fn(usize) -> ShortCode) -> Catalogue {
    let (mongo, redis) = (app.sandbox.mongo("shortener"), app.sandbox.redis("shortener"));
    let mongo = chassis::config::Mongo { url: mongo.url.clone().into(), database: mongo.database.clone() };
    let redis = chassis::config::Redis { url: redis.url.clone().into(), prefix: redis.prefix.clone() };
    let store = Store::new(&mongo::Db::open(&mongo, "shortener").await.unwrap());
    let lookup = Lookup::new(&Cache::default(), &redis, store.links.clone()).unwrap();
    Catalogue::new(store, lookup, TargetPolicy::default(), "https://v.example").with_codes(generate)
}

fn request() -> CreateLink {
    CreateLink { url: TARGET.into(), ..CreateLink::default() }
}

#[tokio::test]
async fn after_five_retries_codes_get_longer() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    fn generate(length: usize) -> ShortCode {
        CALLS.fetch_add(1, Ordering::Relaxed);
        ShortCode::parse(&"x".repeat(length)).unwrap()
    }
    let app = TestApp::new().await;
    let catalogue = catalogue(&app, generate).await;
    let owner = Uuid::now_v7();
    let first = catalogue.create(owner, &request(), None).await.unwrap();
    assert_eq!((first.code.len(), CALLS.swap(0, Ordering::Relaxed)), (7, 1));
    let second = catalogue.create(owner, &request(), None).await.unwrap();
    assert_eq!((second.code.len(), CALLS.swap(0, Ordering::Relaxed)), (8, 7));
    let third = catalogue.create(owner, &request(), None).await;
    assert!(matches!(third, Err(Error::CodeTaken)), "it ends some time");
}

#[tokio::test]
async fn in_bulk_only_those_that_collide_get_other_codes() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    fn generate(length: usize) -> ShortCode {
        // Each code comes twice.
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        ShortCode::parse(&format!("{:0length$}", call / 2)).unwrap()
    }
    let app = TestApp::new().await;
    let catalogue = catalogue(&app, generate).await;
    let results = catalogue.create_many(Uuid::now_v7(), &vec![request(); 6], None).await.unwrap();
    let codes: std::collections::HashSet<_> =
        results.iter().map(|result| result.link.as_ref().unwrap().code.clone()).collect();
    assert_eq!(codes.len(), 6);
}
