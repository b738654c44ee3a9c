use super::{Bench, Counted, Handling, PATIENCE, counted, in_order, read_log};
use anyhow::Result;
use contracts::{amqp::COMMANDS_EXCHANGE, envelope::EventData as _};
use futures::future::try_join_all;
use kit::{Engine, Proxy};
use messaging::{Broker, Consumer, Outgoing, Relay, Subscription, outbox::Store};
use postgres::Db;
use std::{collections::HashSet, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const ENGINES: &[Engine] = &[Engine::Postgres, Engine::Rabbitmq];
const LEASE: Duration = Duration::from_secs(1);

/// The trigger runs when the transaction commits, after the outbox was written.
const AGGREGATES: &str = "
    CREATE TABLE IF NOT EXISTS aggregates (id text PRIMARY KEY, version bigint NOT NULL);
    CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END';
    DROP TRIGGER IF EXISTS dawdle ON aggregates;
    CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT OR UPDATE ON aggregates DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.version % 7 = 0) EXECUTE FUNCTION dawdle()";

fn relay<S: Store>(store: S, broker: &Broker) -> JoinHandle<Result<()>> {
    let relay = Relay::new(store, broker.publisher()).lease(LEASE).sweep(Duration::from_millis(250));
    tokio::spawn(relay.run(CancellationToken::new()))
}

async fn emptied<S: Store>(store: &S) {
    let empty = async || Ok((store.pending().await?.count == 0).then_some(()));
    kit::eventually(PATIENCE, "the outbox to be empty", empty).await.unwrap();
}

/// Writes `rows` events by `writers` at once, as many services' requests do: each transaction takes
/// its aggregate's row, writes one to seven events, and some dawdle before they commit, so that commits land out of order.
async fn write(db: &Db, writers: u64, rows: u64) -> Result<HashSet<Uuid>> {
    sqlx::raw_sql(AGGREGATES).execute(db.pool()).await?;
    let work = (0..writers).map(|writer| async move {
        let mut ids = Vec::new();
        let (mut left, mut turn) = (rows / writers, writer);
        while left > 0 {
            let count = (turn % 7 + 1).min(left);
            ids.extend(change(db, &format!("aggregate-{}", turn * 31 % 40), count).await?);
            (left, turn) = (left - count, turn + 13);
        }
        anyhow::Ok(ids)
    });
    Ok(try_join_all(work).await?.into_iter().flatten().collect())
}

async fn change(db: &Db, aggregate: &str, count: u64) -> Result<Vec<Uuid>> {
    let mut transaction = db.begin().await?;
    let version: i64 = sqlx::query_scalar(
        "INSERT INTO aggregates (id, version) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE SET version = aggregates.version + $2 RETURNING version",
    )
    .bind(aggregate)
    .bind(i64::try_from(count)?)
    .fetch_one(&mut *transaction)
    .await?;
    let mut ids = Vec::new();
    for number in version.unsigned_abs() - count + 1..=version.unsigned_abs() {
        let event = counted(aggregate, number);
        ids.push(transaction.enqueue(event)?);
    }
    transaction.commit().await?;
    Ok(ids)
}

#[tokio::test]
async fn what_is_rolled_back_is_not_published() {
    let bench = Bench::new(ENGINES).await;
    let db = bench.postgres().await;
    let mut given_up = db.begin().await.unwrap();
    given_up.enqueue(counted("never", 1)).unwrap();
    given_up.rollback().await.unwrap();
    let mut committed = db.begin().await.unwrap();
    let id = committed.enqueue(counted("once", 1)).unwrap();
    committed.commit().await.unwrap();

    let store = postgres::Store::new(&db);
    relay(store.clone(), &bench.broker);
    emptied(&store).await;
    let log = read_log(&bench.broker, 1).await.unwrap();
    assert_eq!(log.iter().map(|record| record.message.id).collect::<Vec<_>>(), [id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_concurrent_writers_nothing_is_lost_and_subjects_keep_their_order() {
    let bench = Bench::new(ENGINES).await;
    let db = bench.postgres().await;
    let store = postgres::Store::new(&db);
    // Three relays, at work while the writers are.
    let other = Broker::new(&bench.sandbox.amqp("auth").into(), "another-process");
    relay(store.clone(), &bench.broker);
    relay(store.clone(), &bench.broker);
    relay(store.clone(), &other);
    let written = write(&db, 16, 8_000).await.unwrap();
    emptied(&store).await;
    let log = read_log(&bench.broker, written.len()).await.unwrap();
    assert_eq!(log.iter().map(|record| record.message.id).collect::<HashSet<_>>(), written);
    assert!(in_order(&log));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_again_and_again_loses_nothing() {
    let bench = Bench::new(ENGINES).await;
    let db = bench.postgres().await;
    let store = postgres::Store::new(&db);
    let written = write(&db, 8, 2_000).await.unwrap();
    while store.pending().await.unwrap().count > 500 {
        let before = store.pending().await.unwrap().count;
        let doomed = relay(store.clone(), &bench.broker);
        let begun = async || Ok((store.pending().await?.count < before).then_some(()));
        kit::eventually(PATIENCE, "the relay to begin", begun).await.unwrap();
        doomed.abort();
    }
    relay(store.clone(), &bench.broker);
    emptied(&store).await;
    let log = read_log(&bench.broker, written.len()).await.unwrap();
    assert_eq!(log.iter().map(|record| record.message.id).collect::<HashSet<_>>(), written);
    assert!(in_order(&log));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_loses_nothing() {
    let bench = Bench::new(ENGINES).await;
    let db = bench.postgres().await;
    let store = postgres::Store::new(&db);
    let url = bench.sandbox.amqp("auth");
    let proxy = Proxy::start(url).await.unwrap();
    let fragile = Broker::new(&proxy.url(url).unwrap().into(), "behind-proxy");
    let relay = relay(store.clone(), &fragile);
    let writing = tokio::spawn({
        let db = db.clone();
        async move { write(&db, 8, 2_000).await }
    });
    while !writing.is_finished() {
        proxy.cut();
        let some = store.pending().await.unwrap().count;
        let moved = async || Ok((writing.is_finished() || store.pending().await?.count != some).then_some(()));
        kit::eventually(PATIENCE, "the outbox to move", moved).await.unwrap();
    }
    let written = writing.await.unwrap().unwrap();
    emptied(&store).await;
    let log = read_log(&bench.broker, written.len()).await.unwrap();
    assert_eq!(log.iter().map(|record| record.message.id).collect::<HashSet<_>>(), written);
    assert!(in_order(&log));
    assert!(!relay.is_finished());
}

/// A command to a participant that has never been up: no queue is bound for it.
fn to_nobody(subject: &str) -> Outgoing {
    let message = Outgoing::event(counted(subject, 1)).unwrap();
    Outgoing { exchange: COMMANDS_EXCHANGE.to_owned(), ..message }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_holds_back_its_subject_only() {
    let bench = Bench::new(ENGINES).await;
    let db = bench.postgres().await;
    let store = postgres::Store::new(&db);
    // More than a relay claims at once, and before all else.
    let mut transaction = db.begin().await.unwrap();
    let unroutable = (0..300).map(|number| to_nobody(&format!("nobody-{number}")));
    transaction.enqueue_all(unroutable);
    for subject in ["nobody-7", "somebody"] {
        transaction.enqueue(counted(subject, 2)).unwrap();
    }
    transaction.commit().await.unwrap();
    let patient = Relay::new(store.clone(), bench.broker.publisher()).lease(PATIENCE).sweep(PATIENCE);
    let relay = tokio::spawn(patient.run(CancellationToken::new()));
    let log = read_log(&bench.broker, 1).await.unwrap();
    assert_eq!(log[0].message.subject, "somebody");
    let others_wait = async || Ok((store.pending().await?.count == 301).then_some(()));
    kit::eventually(PATIENCE, "only the unroutable and what is behind them to wait", others_wait).await.unwrap();

    // Somebody declares a queue: all goes out, each subject in order.
    relay.abort();
    let commands = Subscription::to_commands("auth.late", [Counted::TYPE]);
    let state = db.clone();
    Consumer::new(&bench.broker, commands, &state, Handling(|_| async { Ok(()) })).declare().await.unwrap();
    sqlx::query("DELETE FROM outbox_claims").execute(db.pool()).await.unwrap();
    self::relay(store.clone(), &bench.broker);
    emptied(&store).await;
    let log = read_log(&bench.broker, 2).await.unwrap();
    assert_eq!(log[1].message.subject, "nobody-7");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_holds_back_its_subject_only_in_mongodb_too() {
    let bench = Bench::new(&[Engine::Mongo, Engine::Rabbitmq]).await;
    let db = bench.mongo().await;
    let (client, outbox) = (db.client(), db.outbox().clone());
    let mut session = client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    let unroutable = (0..300).map(|number| to_nobody(&format!("nobody-{number}")));
    outbox.enqueue_all(&mut session, unroutable).await.unwrap();
    for subject in ["nobody-7", "somebody"] {
        outbox.enqueue(&mut session, counted(subject, 2)).await.unwrap();
    }
    session.commit_transaction().await.unwrap();
    let patient = Relay::new(outbox.clone(), bench.broker.publisher()).lease(PATIENCE).sweep(PATIENCE);
    tokio::spawn(patient.run(CancellationToken::new()));
    let log = read_log(&bench.broker, 1).await.unwrap();
    assert_eq!(log[0].message.subject, "somebody");
    let others_wait = async || Ok((outbox.pending().await?.count == 301).then_some(()));
    kit::eventually(PATIENCE, "only the unroutable and what is behind them to wait", others_wait).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_publishes_what_committed_and_nothing_else() {
    let bench = Bench::new(&[Engine::Mongo, Engine::Rabbitmq]).await;
    let db = bench.mongo().await;
    let (client, outbox) = (db.client(), db.outbox().clone());
    let mut session = client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    outbox.enqueue(&mut session, counted("never", 1)).await.unwrap();
    session.abort_transaction().await.unwrap();

    let doomed = relay(outbox.clone(), &bench.broker);
    relay(outbox.clone(), &bench.broker);
    let work = (0..8).map(|writer| {
        let (client, outbox) = (client.clone(), outbox.clone());
        async move {
            let mut session = client.start_session().await?;
            let mut ids = Vec::new();
            for version in 1..=50 {
                session.start_transaction().await?;
                ids.push(outbox.enqueue(&mut session, counted(format!("aggregate-{writer}"), version)).await?);
                session.commit_transaction().await?;
            }
            anyhow::Ok(ids)
        }
    });
    let writing = tokio::spawn(try_join_all(work));
    let begun = async || Ok((read_log(&bench.broker, 20).await?.len() == 20).then_some(()));
    kit::eventually(PATIENCE, "the relay to begin", begun).await.unwrap();
    doomed.abort();
    let written: HashSet<Uuid> = writing.await.unwrap().unwrap().into_iter().flatten().collect();
    emptied(&outbox).await;
    let log = read_log(&bench.broker, written.len()).await.unwrap();
    assert_eq!(log.iter().map(|record| record.message.id).collect::<HashSet<_>>(), written);
    assert!(in_order(&log));
}
