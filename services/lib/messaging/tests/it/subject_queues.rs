//! A subject stays in order when the process dies while its messages wait.

use super::{Bench, Handling, PATIENCE, Running, Seen, counted, publish, subscription};
use kit::Engine;
use messaging::{ConsumerState, DeadLetters, HandleError, Message, Subscription};
use rstest::rstest;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Slow enough for a process to die while messages wait.
fn patient() -> Subscription {
    subscription().partitions(1).retry_schedule([Duration::from_secs(2)])
}

#[rstest]
#[case::postgres(Engine::Postgres)]
#[case::mongo(Engine::Mongo)]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_messages_wait_leaves_them_in_order(#[case] engine: Engine) {
    let bench = Bench::new(&[engine, Engine::Rabbitmq]).await;
    match engine {
        Engine::Postgres => messages_stay_in_order(&bench, &bench.postgres().await).await,
        _ => messages_stay_in_order(&bench, &bench.mongo().await).await,
    }
}

async fn messages_stay_in_order(bench: &Bench, state: &(impl ConsumerState + Clone)) {
    let met = Arc::new(AtomicUsize::new(0));
    let meeting = Arc::clone(&met);
    let failing = Handling(move |message: Message| {
        meeting.fetch_add(usize::from(message.version == 1), Ordering::SeqCst);
        let other = message.subject == "other";
        async move { if other { Ok(()) } else { Err(HandleError::transient(anyhow::anyhow!("not yet"))) } }
    });
    let doomed = Running::start(&bench.broker, patient(), state, failing).await;
    let publisher = bench.broker.publisher();
    publish(&publisher, (1..=3).map(|version| counted("a", version))).await.unwrap();
    // All three are in line when a message that came after them is done.
    publish(&publisher, [counted("other", 1)]).await.unwrap();
    let begun = async || Ok((met.load(Ordering::SeqCst) >= 3).then_some(()));
    kit::eventually(PATIENCE, "the first to fail and the other to be done", begun).await.unwrap();
    doomed.task.abort();

    publish(&publisher, (4..=5).map(|version| counted("a", version))).await.unwrap();
    let seen = Seen::default();
    let noting = seen.clone();
    let handler = Handling(move |message: Message| {
        noting.add(&message);
        async { Ok(()) }
    });
    let running = Running::start(&bench.broker, patient(), state, handler).await;
    seen.until("all of a", |seen| seen.versions("a").len() >= 5).await;
    // A new message is handled at once: nothing is left in the line.
    publish(&publisher, [counted("a", 6)]).await.unwrap();
    seen.until("the last of a", |seen| seen.versions("a").contains(&6)).await;
    running.stop().await;
    assert_eq!(seen.versions("a"), [1, 2, 3, 4, 5, 6]);
}

#[rstest]
#[case::with_levels_left(&[Duration::from_secs(2)])]
#[case::at_its_end(&[])]
#[tokio::test(flavor = "multi_thread")]
async fn while_the_state_is_away_no_message_moves_to_a_later_level(#[case] schedule: &[Duration]) {
    let bench = Bench::new(&[Engine::Postgres, Engine::Rabbitmq]).await;
    let db = bench.postgres().await;
    let rename = |from: &str, to: &str| {
        let statement = format!("ALTER TABLE {from} RENAME TO {to}");
        let db = db.clone();
        async move { sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(db.pool()).await.unwrap() }
    };
    let (seen, tries) = (Seen::default(), Arc::new(AtomicUsize::new(0)));
    let (noting, counting) = (seen.clone(), Arc::clone(&tries));
    let handler = Handling(move |message: Message| {
        let fails = message.subject == "a" && counting.fetch_add(1, Ordering::SeqCst) < 10;
        if !fails {
            noting.add(&message);
        }
        async move { if fails { Err(HandleError::transient(anyhow::anyhow!("no database"))) } else { Ok(()) } }
    });
    let subscription = patient().retry_schedule(schedule.iter().copied());
    let letters = DeadLetters::new(&bench.broker, &subscription, &db);
    let running = Running::start(&bench.broker, subscription, &db, handler).await;
    publish(&bench.broker.publisher(), [counted("other", 1)]).await.unwrap();
    seen.until("another subject", |seen| seen.len() == 1).await;
    rename("messages_waiting", "away").await;
    publish(&bench.broker.publisher(), (1..=3).map(|version| counted("a", version))).await.unwrap();
    seen.until("all messages", |seen| seen.versions("a").len() == 3).await;
    rename("away", "messages_waiting").await;
    running.stop().await;
    assert_eq!(seen.versions("a"), [1, 2, 3]);
    assert!(seen.0.lock().unwrap().iter().all(|(_, _, attempt)| *attempt == 0));
    assert_eq!(letters.list(None, 10).await.unwrap(), []);
}
