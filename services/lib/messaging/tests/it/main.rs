//! Messaging on real engines: nothing is lost, doubled or reordered, whatever fails.

mod app;
mod batches;
mod consumer;
mod dead_letters;
mod history;
mod inbox;
mod origin;
mod outbox;
mod publisher;
mod stream;
mod subject_queues;
mod watched;

use anyhow::{Context as _, Result};
use contracts::{
    amqp::EVENTS_LOG,
    envelope::{Event, EventData},
    event::auth::UserDeleted,
};
use kit::{Engine, Sandbox};
use messaging::{
    Broker, Consumer, ConsumerState, HandleError, Handler, Message, Outgoing, Publisher, Subscription,
    stream::{Reader, Record, Start},
};
use postgres::Db;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use std::{
    collections::HashSet,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

/// How long a condition may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// An event of the unit whose login the tests use, under a name that the log keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Counted {
    number: u64,
}

impl EventData for Counted {
    const TYPE: &'static str = UserDeleted::TYPE;
    const VERSION: u32 = 1;
}

fn counted(subject: impl Into<String>, version: u64) -> Event<Counted> {
    Event::new(subject, version, Counted { number: version })
}

/// The engines of one test.
struct Bench {
    sandbox: Sandbox,
    broker: Broker,
}

impl Bench {
    async fn new(engines: &[Engine]) -> Self {
        // Shown for tests that fail; more with RUST_LOG.
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("messaging=info"));
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        let sandbox = Sandbox::only(engines).await.expect("a sandbox");
        let broker = Broker::new(&SecretString::from(sandbox.amqp("auth")), "chassis-tests");
        Self { sandbox, broker }
    }

    /// A database with the tables of messaging in it.
    async fn postgres(&self) -> Db {
        let options = PgPoolOptions::new().max_connections(20);
        let pool = options.connect(self.sandbox.postgres("auth")).await.expect("a database");
        postgres::prepare(&pool).await.expect("tables");
        pool.into()
    }

    /// A database with the collections of messaging in it, and the shortener's way to the broker:
    /// the login belongs to that unit.
    async fn mongo(&self) -> mongo::Db {
        let login = self.sandbox.mongo("shortener");
        let settings = chassis::config::Mongo { url: login.url.clone().into(), database: login.database.clone() };
        let db = mongo::Db::open(&settings, "messaging-tests").await.expect("a URL");
        mongo::prepare(db.database()).await.expect("collections");
        db
    }

    async fn declare_shared(&self) {
        let channel = self.broker.channel().await.expect("a channel");
        messaging::topology::declare_shared(&channel).await.expect("exchange and streams");
    }
}

/// Publishes what a test made up, in order.
async fn publish(publisher: &Publisher, events: impl IntoIterator<Item = Event<Counted>>) -> Result<Vec<Uuid>> {
    let mut ids = Vec::new();
    for event in events {
        ids.push(event.id);
        publisher.publish(Outgoing::event(event)?).await?;
    }
    Ok(ids)
}

/// Reads the log from its beginning until it holds `count` different events; repeats are left out.
async fn read_log(broker: &Broker, count: usize) -> Result<Vec<Record>> {
    let mut reader = Reader::open(broker, EVENTS_LOG, Start::First).prefetch(1000);
    let (mut seen, mut records) = (HashSet::new(), Vec::new());
    let reading = async {
        while seen.len() < count {
            let record = reader.next().await?;
            if seen.insert(record.message.id) {
                records.push(record);
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, reading).await.context("the log is not complete in time")??;
    Ok(records)
}

/// Says whether the versions of every subject come in order.
fn in_order(records: &[Record]) -> bool {
    let mut newest = std::collections::HashMap::new();
    records.iter().all(|record| {
        let before = newest.insert(record.message.subject.clone(), record.message.version);
        before.is_none_or(|before| before < record.message.version)
    })
}

/// What a handler saw: subject, version and attempt of every message that succeeded.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(String, u64, u32)>>>);

impl Seen {
    fn add(&self, message: &Message) {
        let entry = (message.subject.clone(), message.version, message.attempt);
        self.0.lock().unwrap().push(entry);
    }

    fn versions(&self, subject: &str) -> Vec<u64> {
        let seen = self.0.lock().unwrap();
        seen.iter().filter(|(of, ..)| of == subject).map(|(_, version, _)| *version).collect()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let probe = async || Ok(condition(self).then_some(()));
        kit::eventually(PATIENCE, what, probe).await.unwrap();
    }
}

/// A handler made of a closure.
struct Handling<F>(F);

impl<F, Fut> Handler for Handling<F>
where
    F: Fn(Message) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandleError>> + Send + 'static,
{
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        for message in batch {
            (self.0)(message.clone()).await?;
        }
        Ok(())
    }
}

/// A subscription to the tests' events that fails fast.
fn subscription() -> Subscription {
    Subscription::new("auth.counting", [Counted::TYPE])
        .partitions(2)
        .tries(2, Duration::from_millis(5), Duration::from_secs(5))
        .retry_schedule([100, 200, 400].map(Duration::from_millis))
}

/// A consumer at work.
struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Running {
    /// Declares and starts a consumer; what is published from now on reaches it.
    async fn start<H: Handler>(
        broker: &Broker,
        subscription: Subscription,
        state: &(impl ConsumerState + Clone),
        handler: H,
    ) -> Self {
        let consumer = Consumer::new(broker, subscription, state, handler);
        consumer.declare().await.expect("queues");
        let shutdown = CancellationToken::new();
        Self { task: tokio::spawn(consumer.run(shutdown.clone())), shutdown }
    }

    /// Ends it as a deployment does.
    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.expect("no panic").expect("an orderly end");
    }
}
