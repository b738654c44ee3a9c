//! Consuming: one subject in order, tries, the retry schedule, dead letters.

mod history;
mod measure;
mod partition;
mod registration;
mod subject_queues;
mod tries;

use crate::state::State;
use crate::{Broker, ConsumerState, HandleError, Message, Publisher, Subscription, topology};
pub use history::History;
use partition::Partition;
pub(crate) use registration::Reading;
pub use registration::Registration;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often queues and dead letters are counted for the metrics.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// What a service does with the messages of one subscription.
pub trait Handler: Send + Sync + 'static {
    /// Handles messages in this order, all of them or none: commits their effect together with their entries in the
    /// inbox. What it sends for one of them is to run in that message's [`scope`](Message::scope).
    ///
    /// A batch holds one message, unless [`Subscription::batch`] allows more. Then it holds several only if none of them
    /// failed or was delivered before. After a failure they come again, one by one; after a success they may.
    ///
    /// # Errors
    /// [`HandleError::Transient`] (what `?` makes of any error) is tried again;
    /// [`HandleError::Permanent`] makes a message that is alone a dead letter.
    fn handle(&self, batch: &[Message]) -> impl Future<Output = Result<(), HandleError>> + Send;
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

    /// Declares the exchange for events and this consumer's queues: what is published from now on waits for it.
    pub async fn declare(&self) -> anyhow::Result<()> {
        self.shared.declare().await
    }

    /// Declares and consumes until `shutdown` is cancelled; then finishes the messages under way.
    /// A lost connection is opened again.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        self.declare().await?;
        let mut partitions = JoinSet::new();
        let mut in_hand = Vec::new();
        for index in 0..self.shared.subscription.partitions {
            let partition = Partition::new(Arc::clone(&self.shared), index);
            in_hand.push(partition.in_hand());
            partitions.spawn(partition.run(shutdown.clone()));
        }
        partitions.spawn(measure::until_the_end(Arc::clone(&self.shared), in_hand, shutdown));
        while let Some(ended) = partitions.join_next().await {
            ended?;
        }
        Ok(())
    }
}
