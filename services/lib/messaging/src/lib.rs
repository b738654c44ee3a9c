#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod app;
pub mod broker;
pub mod consumer;
pub mod dead_letters;
mod error;
pub mod lock;
mod message;
pub mod metrics;
pub mod operators;
pub mod outbox;
mod publisher;
mod reach;
mod relay;
pub mod state;
pub mod stream;
mod subscribed;
mod subscription;
pub mod topology;
mod wire;

use anyhow::Context as _;
pub use app::AppMessaging;
pub use broker::Broker;
pub use chassis::cause;
use chassis::tasks::delays;
pub use consumer::{Consumer, Handler, History, Registration};
pub use dead_letters::DeadLetters;
pub use error::{HandleError, PublishError};
pub use message::{Message, Outgoing};
pub use publisher::Publisher;
pub use reach::Reach;
pub use relay::Relay;
pub use state::{ConsumerState, MemoryState};
use std::time::Duration;
pub use subscription::Subscription;
use tokio::time::timeout;

/// How long a store may take to answer.
const STORE_LIMIT: Duration = Duration::from_secs(10);

/// Waits for what was asked of a store, but not for ever: a host that vanishes says nothing, and a connection to it would
/// be waited on for a quarter of an hour.
async fn in_time<T>(question: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    timeout(STORE_LIMIT, question).await.context("the store did not answer in time")?
}
