//! A consumer as a service declares it.

use super::history::History;
use super::{Consumer, Handler, Subscription};
use crate::{Broker, ConsumerState};
use futures::future::BoxFuture;
use std::sync::Arc;

/// Reads the history of a consumer.
pub(crate) type Reading<H> = Arc<dyn Fn(Consumer<H>) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// What a consumer subscribes to, who handles it, and whether it begins with what the log holds.
pub struct Registration<H> {
    pub(crate) subscription: Subscription,
    pub(crate) handler: H,
    pub(crate) reading: Option<Reading<H>>,
}

impl Subscription {
    /// Has `handler` handle what comes.
    #[must_use]
    pub fn handled_by<H: Handler>(self, handler: H) -> Registration<H> {
        Registration { subscription: self, handler, reading: None }
    }
}

impl<H: Handler> Registration<H> {
    /// Makes the consumer, for whoever runs it without an [`App`](chassis::App).
    #[must_use]
    pub fn consumer(self, broker: &Broker, state: &(impl ConsumerState + Clone)) -> Consumer<H> {
        Consumer::new(broker, self.subscription, state, self.handler)
    }

    /// Makes the consumer a copy: it reads what was published before its queues existed, up to `at_once` events at once,
    /// and has `history` remember that this was done. See [`Consumer::catch_up`] for what the handler must bear.
    #[must_use]
    pub fn copying(mut self, at_once: usize, history: impl History) -> Self {
        self.reading = Some(Arc::new(move |consumer| {
            let history = history.clone();
            Box::pin(async move { consumer.read_history(at_once, &history).await })
        }));
        self
    }
}
