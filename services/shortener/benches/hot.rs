//! What a redirect costs beside HTTP: `cargo bench -p shortener`.

use chrono::Utc;
use contracts::rest::shortener::CreateLink;
use divan::{Bencher, black_box};
use http::HeaderValue;
use shortener::config;
use shortener::domain::{NewLink, ShortCode, TargetPolicy};
use shortener::lookup::Lookup;
use shortener::spool::{Line, Spool};
use shortener::store::Store;
use shortener::visitor::{Visitors, language, referrer, user_agent};
use std::net::{IpAddr, Ipv4Addr};
use uuid::Uuid;

const AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36";
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

fn main() {
    divan::main();
}

fn spool() -> (tempfile::TempDir, Spool) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = config::Spool {
        directory: folder.path().to_owned(),
        segment_bytes: 8 * 1024 * 1024,
        max_bytes: 64 * 1024 * 1024 * 1024,
        sync_interval_ms: 200,
    };
    let spool = Spool::open(&settings).expect("a spool");
    (folder, spool)
}

#[divan::bench(threads = [1, 2])]
fn append_to_the_spool(bencher: Bencher<'_, '_>) {
    let (_folder, spool) = spool();
    let id = Uuid::now_v7().to_string();
    let line = Line {
        url_id: &id,
        clicked_at_ms: 1_700_000_000_000,
        visitor: "0123456789abcdef0123456789abcdef",
        referrer: Some("news.example"),
        user_agent: Some(AGENT),
        country: Some("BR"),
        language: Some("pt"),
    };
    bencher.bench(|| spool.append(black_box(&line)).expect("room"));
}

#[divan::bench]
fn hash_a_visitor(bencher: Bencher<'_, '_>) {
    let (visitors, link) = (Visitors::default(), Uuid::now_v7());
    bencher.bench(|| visitors.hash(black_box(0), link, ADDRESS, black_box(AGENT)));
}

#[divan::bench]
fn read_the_headers(bencher: Bencher<'_, '_>) {
    let agent = HeaderValue::from_static(AGENT);
    let from = HeaderValue::from_static("https://news.example/story?id=1");
    let tongue = HeaderValue::from_static("pt-BR,pt;q=0.9,en;q=0.8");
    bencher.bench(|| {
        let all = (user_agent(black_box(&agent)), referrer(&from), language(&tongue));
        (all.0.len(), all.1.map(|host| host.len()), all.2.map(|tag| tag.len()))
    });
}

#[divan::bench]
fn look_up_what_is_in_memory(bencher: Bencher<'_, '_>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
    let (lookup, code) = runtime.block_on(warm());
    bencher.bench_local(|| runtime.block_on(lookup.find(black_box(code))).is_ok());
}

/// A lookup that has one link in memory and no engine behind it.
async fn warm() -> (Lookup, ShortCode) {
    let nowhere = "127.0.0.1:1";
    let mongo = chassis::config::Mongo { url: format!("mongodb://{nowhere}/").into(), database: "none".into() };
    let redis = chassis::config::Redis { url: format!("redis://{nowhere}").into(), prefix: "none:".into() };
    let store = Store::new(&mongo::Db::open(&mongo, "shortener").await.expect("a URL"));
    let lookup = Lookup::new(&config::Cache::default(), &redis, store.links).expect("a URL");
    let request = CreateLink { url: "https://shop.example/a".into(), ..CreateLink::default() };
    let new = NewLink::parse(&request, &TargetPolicy::default(), Utc::now()).expect("a target");
    let link = new.into_link(Uuid::now_v7(), ShortCode::generate(7), Utc::now());
    lookup.announce([&link]).await;
    (lookup, link.code)
}
