//! Engines and processes that go away.

use crate::app::{TARGET, TestApp, request};
use axum::http::StatusCode;
use contracts::{problem::Code, rest::shortener::Link};
use harness::TestProgram;
use kit::{Engine, Sandbox, engines::Private, eventually};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// A broker or database that comes back takes its time on a machine that is busy.
const SOON: Duration = Duration::from_secs(120);

async fn on(engines: &Private, changes: Value) -> TestApp {
    TestApp::on(Arc::new(Sandbox::on(engines).await.unwrap()), changes).await
}

/// Waits until a link has counted exactly so many clicks.
async fn counts(app: &TestApp, code: &str, clicks: u64) {
    let counted = eventually(SOON, "every click", async || {
        let count = app.read(code).await.click_count;
        anyhow::ensure!(count <= clicks, "{count} are too many");
        Ok((count == clicks).then_some(()))
    });
    counted.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_mongodb_is_away_what_was_known_is_answered() {
    let engines = Private::start(&[Engine::Mongo, Engine::Redis]).await.unwrap();
    let app = on(&engines, json!({"cache": {"fresh_ms": 50}})).await;
    let (link, limited) = (app.link().await, app.create(json!({"url": TARGET, "max_clicks": 9})).await);
    app.follow(&link.code).await.leads_to(TARGET);
    app.follow(&limited.code).await.leads_to(TARGET);
    engines.kill9(Engine::Mongo).await.unwrap();
    engines.kill9(Engine::Redis).await.unwrap();

    // Long enough for what is in memory to grow old, and to be looked up in vain.
    let (mut visits, mut took) = (tokio::time::interval(Duration::from_millis(50)), Vec::new());
    visits.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for _ in 0..30 {
        visits.tick().await;
        let began = std::time::Instant::now();
        app.follow(&link.code).await.leads_to(TARGET);
        took.push(began.elapsed());
    }
    // One a second waits for MongoDB, and the others do not.
    took.sort();
    assert!(took[took.len() / 2] < took[took.len() - 1] / 4, "{took:?}");
    app.follow("unknown").await.problem(Code::Unavailable);
    app.follow(&limited.code).await.problem(Code::Unavailable);
    let create = app.as_user("POST", "/v1/links", Some(json!({"url": TARGET}))).await;
    create.problem(Code::Unavailable);
    assert!(create.headers.contains_key("retry-after"));
    assert_eq!(app.health.report().await.status, chassis::health::Status::Degraded);

    engines.start_again(Engine::Mongo).await.unwrap();
    engines.start_again(Engine::Redis).await.unwrap();
    let path = format!("/v1/links/{}", link.code);
    let change = json!({"url": "https://shop.example/back"});
    let back = eventually(SOON, "a change", async || {
        let answer = app.as_user("PATCH", &path, Some(change.clone())).await;
        Ok((answer.status == StatusCode::OK).then_some(()))
    });
    back.await.unwrap();
    app.follow(&link.code).await.leads_to("https://shop.example/back");
    counts(&app, &link.code, 32).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_away_clicks_and_events_wait() {
    let engines = Private::start(&[Engine::Rabbitmq]).await.unwrap();
    let app = on(&engines, json!({})).await;
    let link = app.link().await;
    app.follow(&link.code).await.leads_to(TARGET);
    // Then all queues are there: a broker of this version that is killed while one is made may lose it.
    counts(&app, &link.code, 1).await;
    engines.kill9(Engine::Rabbitmq).await.unwrap();
    for _ in 0..20 {
        app.follow(&link.code).await.leads_to(TARGET);
    }
    let later = app.link().await;
    app.follow(&later.code).await.leads_to(TARGET);
    engines.start_again(Engine::Rabbitmq).await.unwrap();
    counts(&app, &link.code, 21).await;
    counts(&app, &later.code, 1).await;
}

#[tokio::test]
async fn a_full_spool_refuses_clicks_with_503_and_nothing_else() {
    let engines = [Engine::Mongo, Engine::Redis];
    // Without a broker nothing is shipped.
    let sandbox = Arc::new(Sandbox::only(&[engines[0], engines[1], Engine::Rabbitmq]).await.unwrap());
    let changes = json!({
        "spool": {"segment_bytes": 4096, "max_bytes": 8192},
        "amqp": {"url": "amqp://nobody:nothing@127.0.0.1:1/none"},
    });
    let app = TestApp::on(sandbox, changes).await;
    let link = app.link().await;
    let mut led = 0;
    let refused = loop {
        let answer = app.follow(&link.code).await;
        if answer.status != StatusCode::FOUND {
            break answer;
        }
        led += 1;
        assert!(led < 200);
    };
    refused.problem(Code::Unavailable);
    assert!(led > 10);
    assert_eq!(app.health.report().await.status, chassis::health::Status::Degraded);
    assert!(!app.health.report().await.dependencies["spool"].up);
    // Only clicks need the spool: owners read and change their links, and who asks for no click is answered.
    for path in ["/v1/links".to_owned(), format!("/v1/links/{}", link.code), format!("/v1/links/{}/qr", link.code)] {
        assert_eq!(app.as_user("GET", &path, None).await.status, StatusCode::OK, "{path}");
    }
    let changed = app.as_user("PATCH", &format!("/v1/links/{}", link.code), Some(json!({"title": "Loja"}))).await;
    assert_eq!(changed.status, StatusCode::OK);
    app.link().await;
    app.send(request("HEAD", &format!("/{}", link.code), None, None)).await.leads_to(TARGET);
}

/// Follows a link over HTTP until told to stop; tells how many were led, and how many may have been.
async fn load(url: String, stop: Arc<AtomicBool>) -> (u64, u64) {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let (mut led, mut unknown) = (0, 0);
    let mut visits = tokio::time::interval(Duration::from_millis(5));
    while !stop.load(Ordering::Relaxed) {
        visits.tick().await;
        match client.get(&url).send().await {
            Ok(answer) if answer.status().is_redirection() => led += 1,
            // Refused, or never reached the process: not led.
            Ok(_) => {}
            Err(error) if error.is_connect() => {}
            Err(_) => unknown += 1,
        }
    }
    (led, unknown)
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_process_under_load_loses_no_answered_click() {
    let program = TestProgram::of("shortener").await;
    let stack = program.start("").await;
    let (url, token) = (stack.url("shortener"), program.issuer.token(Uuid::now_v7(), &["user"]));
    let client = reqwest::Client::new();
    let created = client.post(format!("{url}/v1/links")).bearer_auth(&token);
    let link: Link = created.json(&json!({"url": TARGET})).send().await.unwrap().json().await.unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let address = format!("{url}/{}", link.code);
    let loads: Vec<_> = (0..4).map(|_| tokio::spawn(load(address.clone(), Arc::clone(&stop)))).collect();
    let clicks = AtomicU64::new(0);
    for round in 0..3 {
        let what = format!("clicks in round {round}");
        let more = eventually(SOON, &what, async || {
            let link: Link = read(&client, &url, &token, &link.code).await?;
            let before = clicks.load(Ordering::Relaxed);
            Ok((link.click_count > before + 50).then_some(link.click_count))
        });
        clicks.store(more.await.unwrap(), Ordering::Relaxed);
        stack.kill9("shortener").await.unwrap();
        stack.restart("shortener").await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let (mut led, mut unknown) = (0, 0);
    for load in loads {
        let (more_led, more_unknown) = load.await.unwrap();
        (led, unknown) = (led + more_led, unknown + more_unknown);
    }
    // A request that was cut off may have been written down.
    let counted = eventually(SOON, "every click", async || {
        let count = read(&client, &url, &token, &link.code).await?.click_count;
        anyhow::ensure!(count <= led + unknown, "{count} are more than {led} + {unknown}");
        anyhow::ensure!(count >= led, "{count} of {led} were counted");
        Ok(Some(()))
    });
    counted.await.unwrap();
    assert!(unknown < led / 2, "{unknown} of {led} were cut off: the test shows nothing");
}

async fn read(client: &reqwest::Client, url: &str, token: &str, code: &str) -> anyhow::Result<Link> {
    let answer = client.get(format!("{url}/v1/links/{code}")).bearer_auth(token).send().await?;
    Ok(answer.error_for_status()?.json().await?)
}
