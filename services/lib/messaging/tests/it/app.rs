//! What is there when a unit is ready.

use super::{Bench, Counted, Handling, PATIENCE, Seen, counted, publish, subscription};
use axum::Router;
use chassis::{
    App, Context,
    app::Served,
    config::{Amqp, Common},
};
use contracts::envelope::EventData as _;
use kit::Engine;
use messaging::{
    AppMessaging as _, HandleError, Handler, History, MemoryState, Message, Outgoing, PublishError, Registration,
    Subscription,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::time::{Instant, timeout};

const ENGINES: &[Engine] = &[Engine::Rabbitmq];

fn context() -> Context {
    let common = Common::default();
    Context::new(common, metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle())
}

/// Starts a unit with one consumer.
async fn start<H: Handler>(url: &str, context: &Context, consumer: Registration<H>) -> Served {
    chassis::jwt::crypto::install();
    let mut app = App::new("auth", context.clone());
    let broker = app.broker(&Amqp { url: url.into() });
    app.consume(&broker, &MemoryState::default(), consumer);
    timeout(PATIENCE, app.finish(Router::new())).await.expect("the unit starts").unwrap()
}

#[tokio::test]
async fn what_is_sent_to_a_unit_that_is_ready_has_a_queue() {
    let bench = Bench::new(ENGINES).await;
    bench.declare_shared().await;
    let (publisher, context) = (bench.broker.publisher(), context());
    let event = Outgoing::event(counted("a", 1)).unwrap();
    // Unlike events, commands have no log that takes them when nobody does.
    let command = Outgoing { exchange: contracts::amqp::COMMANDS_EXCHANGE.into(), ..event };
    let lost = publisher.publish(command.clone()).await;
    assert!(matches!(lost, Err(PublishError::Unroutable { .. })), "{lost:?}");
    let handler = Handling(async |_: Message| Ok(()));
    let consumer = Subscription::to_commands("auth.tests", [Counted::TYPE]).handled_by(handler);
    let served = start(bench.sandbox.amqp("auth"), &context, consumer).await;
    publisher.publish(command).await.expect("a queue takes it at once");
    assert!(served.added.paths.paths.contains_key("/v1/dead-letters"));
    context.shutdown.cancel();
}

#[tokio::test]
async fn a_unit_starts_while_its_broker_is_away() {
    let (context, began) = (context(), Instant::now());
    let handler = Handling(async |_: Message| Ok(()));
    let copy = subscription().handled_by(handler).copying(8, Noted::default());
    let served = start("amqp://nobody:none@127.0.0.1:1/none", &context, copy).await;
    assert!(began.elapsed().as_secs() < 10, "it took {:?}", began.elapsed());
    assert!(served.added.paths.paths.contains_key("/v1/dead-letters"), "operators see at least that it is away");
    let report = context.health.report().await;
    assert!(!report.dependencies["rabbitmq"].up && !report.dependencies["rabbitmq"].needed);
    context.shutdown.cancel();
}

/// Remembers that a history was read, and how often that was noted.
#[derive(Clone, Default)]
struct Noted(Arc<AtomicUsize>);

impl History for Noted {
    async fn is_read(&self, _: &str) -> anyhow::Result<bool> {
        Ok(self.0.load(Ordering::SeqCst) > 0)
    }

    async fn note(&self, consumer: &str) -> anyhow::Result<()> {
        assert_eq!(consumer, "auth.tests");
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn a_copy_knows_what_was_before_it_when_the_unit_is_ready_and_reads_it_once() {
    let bench = Bench::new(ENGINES).await;
    bench.declare_shared().await;
    publish(&bench.broker.publisher(), (1..=5).map(|version| counted("before", version))).await.unwrap();
    let noted = Noted::default();
    for known in [5, 0] {
        let (seen, context) = (Seen::default(), context());
        let noting = seen.clone();
        let handler = Handling(move |message: Message| {
            noting.add(&message);
            async { Ok::<_, HandleError>(()) }
        });
        let copy = Subscription::new("auth.tests", [Counted::TYPE]).handled_by(handler).copying(8, noted.clone());
        start(bench.sandbox.amqp("auth"), &context, copy).await;
        assert_eq!((seen.len(), noted.0.load(Ordering::SeqCst)), (known, 1));
        context.shutdown.cancel();
        context.tasks.close();
        context.tasks.wait().await;
    }
}
