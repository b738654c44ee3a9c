//! Consuming: one subject in order, tries, the retry ladder, dead letters.

mod history;
mod line;
mod partition;
mod registration;
mod subscription;
mod tries;

pub use history::History;
pub(crate) use registration::Reading;
pub use registration::Registration;
pub use subscription::Subscription;

use crate::{Broker, ConsumerState, HandleError, Message, Publisher, broker::answer, metrics, state::State, topology};
use lapin::{options::QueueDeclareOptions, types::FieldTable};
use partition::Partition;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often the dead letters are counted for the metrics.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// What a service does with the messages of one subscription.
pub trait Handler: Send + Sync + 'static {
    /// Handles one message: commits its effect together with its entry in the inbox.
    ///
    /// It is called again after a failure, and may be called again after a success.
    ///
    /// # Errors
    /// [`HandleError::Transient`] (what `?` makes of any error) is tried again;
    /// [`HandleError::Permanent`] makes the message a dead letter.
    fn handle(&self, message: &Message) -> impl Future<Output = Result<(), HandleError>> + Send;

    /// Handles several messages, in this order, in one transaction: all of them or none. `false` when it did none,
    /// because these do not go together. Then, and after a failure, [`handle`](Self::handle) gets them one by one.
    ///
    /// It is asked only where [`Subscription::together`] says so, with messages that have come meanwhile, none of
    /// which has failed or been delivered before. What belongs to one of them is to run in its
    /// [`scope`](Message::scope).
    ///
    /// # Errors
    /// Whatever it is, the messages are handled one by one.
    fn handle_together(&self, messages: &[Message]) -> impl Future<Output = Result<bool, HandleError>> + Send {
        let _ = messages;
        async { Ok(false) }
    }
}

/// Consumes one subscription with one handler. Several processes may run the same consumer: the
/// broker makes one of them active for each partition.
pub struct Consumer<H> {
    shared: Arc<Shared<H>>,
}

impl<H> Clone for Consumer<H> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

/// What the partitions of a consumer have in common.
struct Shared<H> {
    broker: Broker,
    publisher: Publisher,
    subscription: Subscription,
    state: State,
    handler: H,
}

impl<H> Shared<H> {
    async fn declare(&self) -> anyhow::Result<()> {
        let channel = self.broker.channel().await?;
        topology::declare_shared(&channel).await?;
        topology::declare_consumer(&channel, &self.subscription).await
    }
}

impl<H: Handler> Consumer<H> {
    /// Makes a consumer; [`run`](Self::run) starts it.
    #[must_use]
    pub fn new(broker: &Broker, subscription: Subscription, state: &(impl ConsumerState + Clone), handler: H) -> Self {
        let (broker, publisher, state) = (broker.clone(), broker.publisher(), State::new(state));
        Self { shared: Arc::new(Shared { broker, publisher, subscription, state, handler }) }
    }

    /// Declares the exchange for events and this consumer's queues: what is published from now on
    /// waits for it.
    ///
    /// # Errors
    /// Fails when the broker is away, or knows one of the queues with other arguments.
    pub async fn declare(&self) -> anyhow::Result<()> {
        self.shared.declare().await
    }

    /// Declares and consumes until `shutdown` is cancelled; then finishes the messages under way.
    /// A lost connection is opened again.
    ///
    /// # Errors
    /// Fails when declaring does.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        self.declare().await?;
        let mut partitions = JoinSet::new();
        for index in 0..self.shared.subscription.partitions {
            let partition = Partition::new(Arc::clone(&self.shared), index);
            partitions.spawn(partition.run(shutdown.clone()));
        }
        partitions.spawn(measure(Arc::clone(&self.shared), shutdown));
        while let Some(ended) = partitions.join_next().await {
            ended?;
        }
        Ok(())
    }
}

/// Counts the dead letters until `shutdown` is cancelled; while the broker is away, the last count
/// stands.
async fn measure<H: Handler>(shared: Arc<Shared<H>>, shutdown: CancellationToken) {
    let name = shared.subscription.name();
    let count = async || {
        let channel = shared.broker.channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
        let queue = topology::dead_queue(name).into();
        anyhow::Ok(answer(channel.queue_declare(queue, passive, FieldTable::default())).await?.message_count())
    };
    let counting = async {
        let mut regularly = tokio::time::interval(MEASURE_EVERY);
        loop {
            regularly.tick().await;
            if let Ok(count) = count().await {
                ::metrics::gauge!(metrics::DEAD_LETTERS, "consumer" => name.to_owned()).set(f64::from(count));
            }
        }
    };
    shutdown.run_until_cancelled(counting).await;
}
