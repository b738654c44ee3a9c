//! What messaging adds to an [`App`]: the broker, consumers, and the relay of an outbox.

use crate::consumer::{Reading, Registration};
use crate::{Broker, Consumer, ConsumerState, DeadLetters, Handler, Relay, operators, outbox};
use chassis::app::{Mounted, Part};
use chassis::config::Amqp;
use chassis::{App, Context};
use futures::future::{BoxFuture, join_all};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// For how long a unit waits for its copies to read the log before it is ready. What is not read by then is read while
/// it serves.
const PATIENCE: Duration = Duration::from_secs(10);

/// Adds the broker, and what moves messages, to an [`App`].
pub trait AppMessaging {
    /// Names the broker and adds its probe. While it is away a unit works and messages wait, so its absence degrades and
    /// does not make unready.
    ///
    /// With it come the relay of the unit's outbox, and the operators' routes for dead letters: [`operators::openapi`]
    /// describes them.
    fn broker(&mut self, config: &Amqp) -> Broker;

    /// Registers a consumer, which remembers in `state` who waits. Its queues are declared before the unit is
    /// ready, when the broker is there: what no queue takes yet is sent again by its sender at best. Without the broker
    /// the unit starts all the same.
    fn consume<H: Handler>(&mut self, broker: &Broker, state: &(impl ConsumerState + Clone), consumer: Registration<H>);

    /// Registers an outbox, which is published when the unit has a [`broker`](Self::broker).
    fn relay(&mut self, outbox: impl outbox::Store);
}

impl AppMessaging for App {
    fn broker(&mut self, config: &Amqp) -> Broker {
        let broker = Broker::new(&config.url, self.name());
        self.uses("rabbitmq", &broker, |broker| async move { broker.probe().await });
        self.part::<Messaging>().broker = Some(broker.clone());
        broker
    }

    fn consume<H: Handler>(
        &mut self,
        broker: &Broker,
        state: &(impl ConsumerState + Clone),
        consumer: Registration<H>,
    ) {
        let Registration { subscription, handler, reading } = consumer;
        let letters = DeadLetters::new(broker, &subscription, state);
        let name = subscription.name().to_owned();
        let consumer = Consumer::new(broker, subscription, state, handler);
        let messaging = self.part::<Messaging>();
        messaging.letters.push(letters);
        messaging.consumers.push(Box::new(Registered { name, consumer, reading }));
    }

    fn relay(&mut self, outbox: impl outbox::Store) {
        self.part::<Messaging>().relays.push(Box::new(|context, broker| {
            let (relay, shutdown) = (Relay::new(outbox, broker.publisher()), context.shutdown.clone());
            context.spawn("outbox relay", move || relay.clone().run(shutdown.clone()));
        }));
    }
}

/// Starts the relay of an outbox.
type StartRelay = Box<dyn FnOnce(&Context, &Broker) + Send>;

/// What moves a unit's messages.
#[derive(Default)]
struct Messaging {
    broker: Option<Broker>,
    relays: Vec<StartRelay>,
    consumers: Vec<Box<dyn Consumes>>,
    letters: Vec<DeadLetters>,
}

impl Part for Messaging {
    async fn start(self, context: &Context) -> anyhow::Result<Mounted> {
        let Self { broker, relays, consumers, letters } = self;
        let Some(broker) = broker else { return Ok(Mounted::default()) };
        context.shutdown.run_until_cancelled(declare(&broker, &consumers)).await;
        let reading: Vec<_> = consumers.iter().filter_map(|consumer| consumer.read_history(context)).collect();
        let read = timeout(PATIENCE, join_all(reading));
        if let Some(Err(_)) = context.shutdown.run_until_cancelled(read).await {
            tracing::warn!("The log of events is long: the unit serves before its copies have read it.");
        }
        consumers.into_iter().for_each(|consumer| consumer.start(context));
        relays.into_iter().for_each(|relay| relay(context, &broker));
        let router = operators::routes(context.verifier.clone(), letters);
        Ok(Mounted { router, openapi: operators::openapi() })
    }
}

/// Declares the queues of all consumers, unless the broker is away.
async fn declare(broker: &Broker, consumers: &[Box<dyn Consumes>]) {
    if consumers.is_empty() {
        return;
    }
    if let Err(error) = broker.probe().await {
        tracing::warn!(error = format!("{error:#}"), "The broker is away: queues are declared when it is there.");
        return;
    }
    join_all(consumers.iter().map(|consumer| consumer.declare())).await;
}

/// A consumer of any handler.
trait Consumes: Send + Sync {
    /// Declares its queues, if it can.
    fn declare(&self) -> BoxFuture<'_, ()>;

    /// Begins to read the log, if the consumer is a copy; what it gives ends when the first try has.
    fn read_history(&self, context: &Context) -> Option<oneshot::Receiver<()>>;

    /// Begins to consume.
    fn start(self: Box<Self>, context: &Context);
}

struct Registered<H> {
    name: String,
    consumer: Consumer<H>,
    reading: Option<Reading<H>>,
}

impl<H: Handler> Consumes for Registered<H> {
    fn declare(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Err(error) = self.consumer.declare().await {
                let error = format!("{error:#}");
                tracing::warn!(consumer.name = self.name, error, "A consumer's queues cannot be declared yet.");
            }
        })
    }

    fn read_history(&self, context: &Context) -> Option<oneshot::Receiver<()>> {
        let (reading, consumer, shutdown) = (self.reading.clone()?, self.consumer.clone(), context.shutdown.clone());
        let (tried, first_try) = oneshot::channel();
        let mut tried = Some(tried);
        context.spawn(format!("history {}", self.name), move || {
            let (history, shutdown, tried) = (reading(consumer.clone()), shutdown.clone(), tried.take());
            async move {
                let read = shutdown.run_until_cancelled(history).await.unwrap_or(Ok(()));
                drop(tried);
                read
            }
        });
        Some(first_try)
    }

    fn start(self: Box<Self>, context: &Context) {
        let (consumer, shutdown) = (self.consumer, context.shutdown.clone());
        context.spawn(format!("consumer {}", self.name), move || consumer.clone().run(shutdown.clone()));
    }
}
