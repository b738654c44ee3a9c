//! An engine at work, on databases of the test's own.

use crate::{
    checkout::{COMMANDS, Checkout, Data, TABLE},
    participants::Participants,
};
use contracts::{command::Direction, rest::sagas::SagaStatus};
use kit::{Proxy, Sandbox};
use lapin::{options::QueueDeclareOptions, types::FieldTable};
use messaging::{Broker, Consumer, MemoryState, Relay, Subscription};
use postgres::Db;
use saga::{Engine, Record, Start};
use secrecy::SecretString;
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a condition may take to come true on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where an engine's replies come in.
const QUEUES: [&str; 2] = ["orders.sagas.0", "orders.sagas.1"];

pub(crate) struct World {
    pub(crate) pool: PgPool,
    pub(crate) db: Db,
    pub(crate) engine: Engine,
    pub(crate) participants: Participants,
    broker: Broker,
    tasks: JoinSet<()>,
    /// Dropped last: the databases go with it.
    sandbox: Sandbox,
}

/// A process that runs the engine: the relay, the consumer of replies, the sweep.
pub(crate) struct Process(Vec<AbortHandle>);

impl Process {
    /// Ends it as `kill -9` does: wherever it stands.
    pub(crate) fn kill(self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

impl World {
    /// With one process.
    pub(crate) async fn new(checkout: Checkout) -> Self {
        let mut world = Self::asleep(checkout).await;
        world.wake().await;
        world
    }

    /// With participants, and no process that runs the engine.
    pub(crate) async fn asleep(checkout: Checkout) -> Self {
        let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "saga=debug".into());
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        let sandbox = Sandbox::of("orders").await.unwrap();
        let pool = PgPoolOptions::new().max_connections(20).connect(sandbox.postgres("orders")).await.unwrap();
        postgres::prepare(&pool).await.unwrap();
        let db = Db::from(pool.clone());
        saga::prepare(&db).await.unwrap();
        sqlx::query(TABLE).execute(&pool).await.unwrap();
        let engine = engine(&db, checkout);
        let broker = Broker::new(&SecretString::from(sandbox.amqp("orders")), "saga-tests");
        let participants = Participants::new(broker.publisher());
        let subscription = Subscription::to_commands("orders.participants", COMMANDS).partitions(4);
        let consumer = Consumer::new(&broker, subscription, &MemoryState::default(), participants.clone());
        consumer.declare().await.unwrap();
        engine.replies().consumer(&broker, &Db::from(pool.clone())).declare().await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { consumer.run(CancellationToken::new()).await.unwrap() });
        Self { pool, db, engine, participants, broker, tasks, sandbox }
    }

    /// Waits until the broker knows that no process takes replies: what one that ends was sent, comes again, and is
    /// handled alone.
    pub(crate) async fn until_nobody_consumes(&self) {
        self.until_consumers_are(|consumers| consumers == 0).await;
    }

    /// Waits until each queue of replies has as many consumers as wanted.
    async fn until_consumers_are(&self, wanted: impl Fn(u32) -> bool) {
        let channel = self.broker.channel().await.unwrap();
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
        let counted = async || {
            for queue in QUEUES {
                let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
                if !wanted(queue.consumer_count()) {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        };
        kit::eventually(PATIENCE, "the consumers of replies", counted).await.unwrap();
    }

    pub(crate) fn broker(&self) -> Broker {
        self.broker.clone()
    }

    /// Starts a process that runs this world's engine.
    pub(crate) async fn wake(&mut self) -> Process {
        let engine = self.engine.clone();
        self.run(engine).await
    }

    /// Starts a process that runs `engine`.
    pub(crate) async fn run(&mut self, engine: Engine) -> Process {
        self.run_with(engine, self.broker.clone())
    }

    /// Takes replies for `engine`, and does nothing else that a process does.
    pub(crate) fn listen(&mut self, engine: &Engine) {
        let consumer = engine.replies().consumer(&self.broker, &self.db);
        self.tasks.spawn(async move { consumer.run(CancellationToken::new()).await.unwrap() });
    }

    /// Starts a process that runs this world's engine, with a cable to the broker that can be cut.
    pub(crate) async fn wake_behind_proxy(&mut self) -> (Process, Proxy) {
        let proxy = Proxy::start(self.sandbox.amqp("orders")).await.unwrap();
        let url = SecretString::from(proxy.url(self.sandbox.amqp("orders")).unwrap());
        let process = self.run_with(self.engine.clone(), Broker::new(&url, "saga-tests behind a proxy"));
        self.until_consumers_are(|consumers| consumers == 1).await;
        (process, proxy)
    }

    fn run_with(&mut self, engine: Engine, broker: Broker) -> Process {
        let end = CancellationToken::new;
        let relay = Relay::new(postgres::Store::new(&self.db), broker.publisher())
            .sweep(Duration::from_millis(100))
            .lease(Duration::from_secs(2));
        let consumer = engine.replies().consumer(&broker, &self.db);
        Process(vec![
            self.tasks.spawn(async move { relay.run(end()).await.unwrap() }),
            self.tasks.spawn(async move { consumer.run(end()).await.unwrap() }),
            self.tasks.spawn(async move { engine.sweep(broker, end()).await.unwrap() }),
        ])
    }

    /// Places an order and starts its saga, in one transaction.
    pub(crate) async fn place(&self) -> Uuid {
        let id = Uuid::now_v7();
        let mut transaction = self.db.begin().await.unwrap();
        sqlx::query("INSERT INTO orders (id, status) VALUES ($1, 'pending')")
            .bind(id)
            .execute(&mut *transaction)
            .await
            .unwrap();
        self.engine.start::<Checkout>(&mut transaction, order(id)).await.unwrap();
        transaction.commit().await.unwrap();
        id
    }

    pub(crate) async fn saga(&self, id: Uuid) -> Record {
        self.engine.find(id).await.unwrap().unwrap()
    }

    /// Waits until a saga stands so.
    pub(crate) async fn until(&self, id: Uuid, status: SagaStatus) -> Record {
        let probe = async || Ok(Some(self.saga(id).await).filter(|saga| saga.status == status));
        let waited = kit::eventually(PATIENCE, &format!("saga {id} to be {status:?}"), probe).await;
        match waited {
            Ok(saga) => saga,
            Err(error) => panic!("{error:#}: {:#?}", self.saga(id).await),
        }
    }

    /// Waits until a saga waits for this.
    pub(crate) async fn until_waits_for(&self, id: Uuid, (step, direction): (&str, Direction), attempt: u32) -> Record {
        let is_it = |saga: &Record| {
            let wait = saga.wait.as_ref();
            wait.is_some_and(|wait| wait.step == step && wait.direction == direction && wait.attempt == attempt)
        };
        let probe = async || Ok(Some(self.saga(id).await).filter(is_it));
        kit::eventually(PATIENCE, &format!("saga {id} to wait for {step} {direction:?} {attempt}"), probe)
            .await
            .unwrap()
    }

    /// How an order stands, why it was given up, and how often it was confirmed.
    pub(crate) async fn order(&self, id: Uuid) -> (String, Option<String>, i32) {
        let query = sqlx::query_as("SELECT status, cause, confirmations FROM orders WHERE id = $1");
        query.bind(id).fetch_one(&self.pool).await.unwrap()
    }

    /// Has the sweep find that a saga's time has come, of which the broker was there all the while.
    pub(crate) async fn hurry(&self, id: Uuid) {
        let hurried = async || {
            let query = sqlx::query(
                "UPDATE sagas SET due_at = now(), updated_at = now()
                 WHERE id = $1 AND due_at IS NOT NULL
                   AND NOT EXISTS (SELECT FROM outbox WHERE outbox.id = command_id)",
            );
            Ok((query.bind(id).execute(&self.pool).await?.rows_affected() == 1).then_some(()))
        };
        kit::eventually(PATIENCE, "the saga's command to be published", hurried).await.unwrap();
    }

    /// Has time pass for all sagas, as if they had begun earlier and nothing had happened since.
    pub(crate) async fn let_pass(&self, time: Duration) {
        let shifted = "UPDATE sagas SET started_at = started_at - $1, updated_at = updated_at - $1,
            waits_since = waits_since - $1, due_at = due_at - $1, deadline = deadline - $1";
        sqlx::query(shifted).bind(time).execute(&self.pool).await.unwrap();
    }

    /// What happened to a saga, in short.
    pub(crate) async fn events(&self, id: Uuid) -> Vec<String> {
        let history = self.engine.history(id).await.unwrap();
        let tell = |event: &str, step: Option<&str>| step.map_or(event.to_owned(), |step| format!("{event} {step}"));
        history.iter().map(|record| tell(record.event.into_str(), record.step.as_deref())).collect()
    }
}

/// An engine that sweeps often.
pub(crate) fn engine(db: &Db, checkout: Checkout) -> Engine {
    let engine = Engine::new(db.clone(), "orders").sweep_every(Duration::from_millis(50));
    engine.with(checkout).unwrap()
}

pub(crate) fn order(id: Uuid) -> Start<Data> {
    Start { id, subject: id.to_string(), data: Data { order_id: id, reservation_id: None, payment_id: None } }
}
