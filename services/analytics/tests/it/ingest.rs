//! Clicks counted = clicks published, whatever is repeated and whoever dies.

use crate::support::{Shortener, ask, at, click, database, exactly, ingester, sandbox};
use analytics::store::{
    Database,
    clicks::{NewClick, Progress},
};
use anyhow::Result;
use contracts::{envelope::Event, event::shortener::UrlClicked};
use kit::{Sandbox, eventually};
use std::time::Duration;
use tokio::task::JoinHandle;
use uuid::Uuid;

fn start(sandbox: &Sandbox, database: &Database) -> JoinHandle<Result<()>> {
    tokio::spawn(ingester(sandbox, database).run())
}

fn batch(spool: Uuid, first: u64, count: u64) -> UrlClicked {
    let now = at("2026-11-20T12:00:00Z");
    let clicks = (first..first + count).map(|n| click(Uuid::nil(), now, n.into())).collect();
    UrlClicked { spool_id: spool, first_sequence: first, clicks }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_click_is_counted_once_over_spools_repeats_and_midnights() -> Result<()> {
    let sandbox = sandbox().await?;
    let (database, shortener) = (database(&sandbox)?, Shortener::new(&sandbox).await?);
    database.migrate().await?;
    database.migrate().await?;
    let ingester = start(&sandbox, &database);
    let spools = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    // Published right before and right after the change of a month.
    let times = ["2026-11-30T23:59:59.999Z", "2026-12-01T00:00:00Z"].map(at);
    for (round, first) in [1_u64, 301, 601].into_iter().enumerate() {
        for spool in spools {
            let mut event = Event::new(spool.to_string(), first, batch(spool, first, 300));
            event.time = times[round % 2];
            shortener.publish(&event).await?;
            // The confirm got lost: the same batch again; or another cut of the tail after a crash.
            shortener.publish(&event).await?;
            let tail = batch(spool, first + 100, 200);
            shortener.publish(&Event::new(spool.to_string(), first, tail)).await?;
        }
    }
    exactly(&sandbox, 3 * 900).await?;
    let partitions = ask(&sandbox, "SELECT arraySort(groupUniqArray(toYYYYMM(ingested_on))) FROM clicks").await?;
    assert!(["[202611,202612]", "[202611]", "[202612]"].contains(&&*partitions), "{partitions}");
    let progress = database.progress().await?;
    ingester.abort();

    // One that begins anew finds nothing to do, and goes on with what comes then.
    let again = start(&sandbox, &database);
    shortener.click(spools[0], 901, batch(spools[0], 901, 5).clicks).await?;
    exactly(&sandbox, 3 * 900 + 5).await?;
    let went_on = database.progress().await?;
    let offset = |progress: &Progress| progress.last.map(|last| last.offset);
    assert!(offset(&went_on) > offset(&progress) && went_on.epoch == 0, "{went_on:?}");
    again.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ingester_that_is_dropped_at_any_moment_loses_and_doubles_nothing() -> Result<()> {
    let sandbox = sandbox().await?;
    let (database, shortener) = (database(&sandbox)?, Shortener::new(&sandbox).await?);
    database.migrate().await?;
    let spool = Uuid::now_v7();
    for first in (1..20_000_u64).step_by(100) {
        shortener.click(spool, first, batch(spool, first, 100).clicks).await?;
    }
    // Each drop comes at another moment of a block: before, in or after its insert.
    for life in (0..20).map(|round| Duration::from_millis(40 + 13 * round)) {
        let mut ingester = start(&sandbox, &database);
        if tokio::time::timeout(life, &mut ingester).await.is_err() {
            ingester.abort();
            let _ = ingester.await;
        }
    }
    let last = start(&sandbox, &database);
    exactly(&sandbox, 20_000).await?;
    last.abort();
    Ok(())
}

fn row(sequence: u64, offset: u64) -> NewClick {
    let agents = analytics::domain::agent::Agents::default();
    NewClick {
        url_id: Uuid::nil(),
        clicked_at: 1_795_000_000_000,
        visitor: 1,
        referrer: "direct".to_owned(),
        country: "BR".to_owned(),
        language: "pt".to_owned(),
        browser: agents.classify(None),
        operating_system: "unknown",
        device: "bot",
        is_bot: true,
        spool_id: Uuid::nil(),
        spool_sequence: sequence,
        stream_epoch: 0,
        stream_offset: offset,
        ingested_on: 20_000,
    }
}

#[tokio::test]
async fn of_two_blocks_that_begin_at_the_same_place_the_first_is_stored() -> Result<()> {
    let sandbox = sandbox().await?;
    let database = database(&sandbox)?;
    database.migrate().await?;
    database.insert_clicks(&[row(1, 7), row(2, 7)], "0:7:x:1:0").await?;
    database.insert_clicks(&[row(1, 7), row(2, 7), row(3, 8)], "0:7:x:1:0").await?;
    assert_eq!(ask(&sandbox, "SELECT count() FROM clicks").await?, "2");
    assert_eq!(database.last_offset(0).await?, Some(7), "the one that came too late finds out");
    assert_eq!(database.last_offset(1).await?, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_noted_without_its_block_holds_nothing_up() -> Result<()> {
    let sandbox = sandbox().await?;
    let (database, shortener) = (database(&sandbox)?, Shortener::new(&sandbox).await?);
    database.migrate().await?;
    let spool = Uuid::now_v7();
    // What a server that dies between the two leaves behind, made by taking the rows away again.
    let first = NewClick { spool_id: spool, ..row(1, 0) };
    database.insert_clicks(&[first], &format!("0:0:{spool}:1:0")).await?;
    ask(&sandbox, "ALTER TABLE clicks DELETE WHERE 1 SETTINGS mutations_sync = 2").await?;
    assert_eq!(ask(&sandbox, "SELECT count() FROM clicks").await?, "0");
    let mut event = Event::new(spool.to_string(), 1, batch(spool, 1, 10));
    event.time = at("2024-10-04T00:00:00Z"); // Day 20,000: the same partition.
    shortener.publish(&event).await?;
    let ingester = start(&sandbox, &database);
    exactly(&sandbox, 10).await?;
    ingester.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_another_one_is_read_from_its_beginning_without_doubling() -> Result<()> {
    let sandbox = sandbox().await?;
    let (database, shortener) = (database(&sandbox)?, Shortener::new(&sandbox).await?);
    database.migrate().await?;
    let spool = Uuid::now_v7();
    for first in [1, 11, 21, 31] {
        shortener.click(spool, first, batch(spool, first, 10).clicks).await?;
    }
    let ingester = start(&sandbox, &database);
    exactly(&sandbox, 40).await?;
    ingester.abort();
    let _ = ingester.await;
    let management = sandbox.engines().management_url();
    let queue = format!("{management}/api/queues/{}/events.clicks", sandbox.name());
    let gone = kit::http::client().delete(queue).send().await?;
    assert!(gone.status().is_success(), "{}", gone.status());

    // The shipper repeats what it has no confirm for, and goes on.
    let shortener = Shortener::new(&sandbox).await?;
    let ingester = start(&sandbox, &database);
    shortener.click(spool, 31, batch(spool, 31, 10).clicks).await?;
    shortener.click(spool, 41, batch(spool, 41, 10).clicks).await?;
    exactly(&sandbox, 50).await?;
    assert_eq!(database.progress().await?.epoch, 1);
    ingester.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_of_follows_the_stream_and_never_runs_ahead() -> Result<()> {
    let sandbox = sandbox().await?;
    let (database, shortener) = (database(&sandbox)?, Shortener::new(&sandbox).await?);
    database.migrate().await?;
    assert_eq!(database.as_of().await?, chrono::DateTime::UNIX_EPOCH, "nobody has said anything");
    let (spool, before) = (Uuid::now_v7(), chrono::Utc::now());
    shortener.click(spool, 1, vec![click(Uuid::nil(), before, 1)]).await?;
    let ingester = start(&sandbox, &database);
    eventually(harness::PATIENCE, "the click to be certain", async || {
        let as_of = database.as_of().await?;
        assert!(as_of <= chrono::Utc::now());
        Ok((as_of > before).then_some(()))
    })
    .await?;
    assert_eq!(ask(&sandbox, "SELECT count() FROM clicks").await?, "1");
    ingester.abort();
    Ok(())
}
