//! The stack through which every call to an upstream goes. The order of the layers is the documentation.

use std::sync::Arc;

use breaker::Breaker;
use futures::future::BoxFuture;

use crate::config;
use crate::upstream::call::{Answer, Call};
use crate::upstream::connect::Client;
use crate::upstream::error::UpstreamError;
use crate::upstream::layers::{Bulkhead, Circuit, Deadline, Measure, Retry, SingleFlight, TryTimeout};
use crate::upstream::transport::Transport;

/// Builds the stack towards one upstream, outermost layer first.
pub fn towards(name: &str, config: &config::Upstream, breaker: &Breaker, client: Client) -> Stack {
    Stack::of([
        // Everything is measured as the caller feels it, retries and waiting included.
        Arc::new(Measure::new(name)) as Arc<dyn Layer>,
        // The deadline bounds all that follows: however often it is tried inside, the caller is answered in time.
        Arc::new(Deadline::new(config.deadline())),
        // Equal reads of one caller become one: inside the deadline, so that each caller keeps its own; outside the
        // retry, so that one flight is retried once and not once per caller.
        Arc::new(SingleFlight::default()),
        // A second try meets the breaker like the first, and is not made when the first was refused there. A connection
        // that is refused is tried again and again: a service that restarts loses nobody's call.
        Arc::new(Retry::new(name, config.try_timeout())),
        // The breaker sees every try, for it judges the upstream and not our patience; what it refuses costs nothing
        // further in. It judges by class of call, and by how many callers fare badly: see ADR 3.
        Arc::new(Circuit::new(breaker.clone())),
        // The bulkhead stands inside the breaker: what is shed here is our own fullness and says nothing about the
        // upstream, and an open breaker needs no places.
        Arc::new(Bulkhead::new(name, config.concurrency())),
        // Each try has its own limit, so that a hanging one leaves time for another; the breaker counts it as failed.
        Arc::new(TryTimeout::new(config.try_timeout())),
        // The call itself.
        Arc::new(Transport::new(client, config.url())),
    ])
}

/// What comes back from a call.
pub type Outcome = Result<Answer, UpstreamError>;

/// One layer: it may answer itself, or pass the call on, and look at what comes back.
pub trait Layer: Send + Sync {
    /// Handles the call; `next` leads further in.
    fn call(&self, call: Call, next: Next) -> BoxFuture<'_, Outcome>;
}

/// Layers around a transport. Clones are the same stack.
#[derive(Clone)]
pub struct Stack {
    layers: Arc<[Arc<dyn Layer>]>,
}

impl Stack {
    /// Puts layers together, outermost first. The last one must answer by itself.
    #[must_use]
    pub fn of(layers: impl IntoIterator<Item = Arc<dyn Layer>>) -> Self {
        Self { layers: layers.into_iter().collect() }
    }

    /// Makes a call through the layers.
    ///
    /// # Errors
    /// Fails when there is no answer.
    pub async fn call(&self, call: Call) -> Outcome {
        Next { layers: Arc::clone(&self.layers), at: 0 }.call(call).await
    }
}

/// The rest of the stack, seen from one layer.
#[derive(Clone)]
pub struct Next {
    layers: Arc<[Arc<dyn Layer>]>,
    at: usize,
}

impl Next {
    /// Passes the call on.
    pub async fn call(self, call: Call) -> Outcome {
        let layer = Arc::clone(&self.layers[self.at]);
        layer.call(call, Self { at: self.at + 1, ..self }).await
    }
}
