//! How a consumer does, as metrics: what waits for it, and whether anybody takes it.

use super::{Handler, MEASURE_EVERY, Shared};
use crate::broker::answer;
use crate::metrics;
use crate::topology::{dead_queue, partition_queue};
use ::metrics::gauge;
use chrono::{DateTime, Utc};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Queue};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// When the oldest message happened that a partition has fetched and not dealt with.
#[derive(Clone, Default)]
pub(super) struct InHand(Arc<Mutex<Option<DateTime<Utc>>>>);

impl InHand {
    pub(super) fn set(&self, oldest: Option<DateTime<Utc>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = oldest;
    }

    fn get(&self) -> Option<DateTime<Utc>> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures until `shutdown` is cancelled. While the broker is away, the last counts stand.
pub(super) async fn until_the_end<H: Handler>(
    shared: Arc<Shared<H>>,
    in_hand: Vec<InHand>,
    shutdown: CancellationToken,
) {
    let measuring = async {
        let mut regularly = tokio::time::interval(MEASURE_EVERY);
        loop {
            regularly.tick().await;
            age(shared.subscription.name(), &in_hand);
            if let Err(error) = count(&shared).await {
                tracing::debug!(error = format!("{error:#}"), "The queues of a consumer could not be counted.");
            }
        }
    };
    shutdown.run_until_cancelled(measuring).await;
}

fn age(consumer: &str, in_hand: &[InHand]) {
    let oldest = in_hand.iter().filter_map(InHand::get).min();
    let age = oldest.map_or(0.0, |oldest| (Utc::now() - oldest).as_seconds_f64().max(0.0));
    gauge!(metrics::OLDEST, "consumer" => consumer.to_owned()).set(age);
}

async fn count<H>(shared: &Shared<H>) -> anyhow::Result<()> {
    let (name, channel) = (shared.subscription.name(), shared.broker.channel().await?);
    let dead = look_at(&channel, dead_queue(name)).await?;
    gauge!(metrics::DEAD_LETTERS, "consumer" => name.to_owned()).set(f64::from(dead.message_count()));
    let (mut queued, mut abandoned) = (0, 0);
    for index in 0..shared.subscription.partitions {
        let queue = look_at(&channel, partition_queue(name, index)).await?;
        queued += queue.message_count();
        abandoned += u32::from(queue.consumer_count() == 0);
    }
    gauge!(metrics::QUEUED, "consumer" => name.to_owned()).set(f64::from(queued));
    gauge!(metrics::ABANDONED, "consumer" => name.to_owned()).set(f64::from(abandoned));
    Ok(())
}

async fn look_at(channel: &Channel, queue: String) -> anyhow::Result<Queue> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
    answer(channel.queue_declare(queue.into(), passive, FieldTable::default())).await
}
