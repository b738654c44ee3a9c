//! One holder at a time, for work that must not be done twice at once.

use crate::Broker;
use crate::broker::answer;
use crate::subscribed::Subscribed;
use futures::StreamExt;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How often a lock that another process holds is tried.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// Held as long as this process is the exclusive consumer of a queue; dropping it gives it back.
///
/// It is lost when the connection is. It is no fencing token: a holder that is cut off from the
/// broker goes on until it notices, and the next one may have begun.
pub struct Lock {
    lost: CancellationToken,
    channel: Subscribed,
    _watch: AbortOnDropHandle<()>,
}

impl Lock {
    /// Waits until this process holds the lock `name` (`<service>.<purpose>`). Safe to cancel.
    pub async fn acquire(broker: &Broker, name: &str) -> anyhow::Result<Self> {
        let mut waited = false;
        loop {
            match Self::attempt(broker, name).await {
                Err(error) if held_elsewhere(&error) => {
                    if !waited {
                        tracing::info!(lock.name = name, "Another process holds the lock; waiting.");
                        waited = true;
                    }
                    tokio::time::sleep(TRY_EVERY).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt(broker: &Broker, name: &str) -> anyhow::Result<Self> {
        let channel = Subscribed::on(broker.channel().await?);
        // A quorum queue knows no exclusive consumers; there is never a message in this one.
        answer(channel.queue_declare(name.into(), QueueDeclareOptions::durable(), FieldTable::default())).await?;
        let options = BasicConsumeOptions { exclusive: true, ..BasicConsumeOptions::default() };
        let mut held = answer(channel.basic_consume(name.into(), "".into(), options, FieldTable::default())).await?;
        tracing::info!(lock.name = name, "The lock is held.");
        let (lost, name) = (CancellationToken::new(), name.to_owned());
        let losing = lost.clone();
        let watch = tokio::spawn(async move {
            while let Some(Ok(_)) = held.next().await {}
            tracing::warn!(lock.name = name, "The lock is lost.");
            losing.cancel();
        });
        Ok(Self { lost, channel, _watch: AbortOnDropHandle::new(watch) })
    }

    /// Waits until the lock is lost.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Gives the lock back and waits until the broker knows.
    /// Fails when the lock was lost before.
    pub async fn release(self) -> anyhow::Result<()> {
        answer(self.channel.close(200, "released".into())).await
    }
}

/// Whether the queue is another's, and not one that this login may not use: the broker has one number for both.
fn held_elsewhere(error: &anyhow::Error) -> bool {
    let amqp = error.downcast_ref::<lapin::Error>().map(lapin::Error::kind);
    matches!(amqp, Some(lapin::ErrorKind::ProtocolError(refusal))
        if refusal.get_id() == 403 && refusal.get_message().as_str().contains("exclusive"))
}
