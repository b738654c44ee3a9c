//! Hears which orders are confirmed, as any subscriber does: when anybody can know it, not when a row says so.

use contracts::{
    amqp::EVENTS_EXCHANGE,
    envelope::{Event, EventData as _},
    event::orders::OrderConfirmed,
};
use futures::StreamExt as _;
use kit::Sandbox;
use lapin::{
    Consumer,
    options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use messaging::Broker;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Instant,
};
use tokio::sync::oneshot;
use uuid::Uuid;

/// The queue on which it hears; it goes with the bench.
const QUEUE: &str = "bench.news";

/// What is known of an order.
enum Known {
    /// Somebody waits for its confirmation.
    Awaited(oneshot::Sender<Instant>),
    /// It is confirmed, and nobody has asked yet.
    Confirmed(Instant),
}

/// Ears on the exchange of events.
pub(super) struct News(Mutex<HashMap<Uuid, Known>>);

impl News {
    /// Listens from now on, for as long as the bench runs.
    pub(super) async fn listen(sandbox: &Sandbox) -> anyhow::Result<Arc<Self>> {
        let broker = Broker::new(&sandbox.amqp_admin().into(), "load");
        let mut confirmations = subscribe(&broker).await?;
        let news = Arc::new(Self(Mutex::default()));
        let heard = Arc::clone(&news);
        tokio::spawn(async move {
            // The connection ends with the broker.
            let _broker = broker;
            while let Some(Ok(delivery)) = confirmations.next().await {
                if let Ok(confirmed) = serde_json::from_slice::<Event<OrderConfirmed>>(&delivery.data) {
                    heard.hear(confirmed.data.order_id);
                }
            }
        });
        Ok(news)
    }

    fn hear(&self, order: Uuid) {
        let at = Instant::now();
        match self.0.lock().entry(order) {
            Entry::Vacant(entry) => {
                entry.insert(Known::Confirmed(at));
            }
            Entry::Occupied(entry) => {
                if let Known::Awaited(waiting) = entry.remove() {
                    // Fails when nobody waits any more.
                    let _ = waiting.send(at);
                }
            }
        }
    }

    /// Waits until an order is confirmed; asked once for each.
    pub(super) async fn of(&self, order: Uuid) -> Result<Instant, oneshot::error::RecvError> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut known = self.0.lock();
            if let Some(Known::Confirmed(at)) = known.remove(&order) {
                return Ok(at);
            }
            known.insert(order, Known::Awaited(sender));
        }
        receiver.await
    }
}

async fn subscribe(broker: &Broker) -> anyhow::Result<Consumer> {
    let channel = broker.channel().await?;
    let (queue, none) = (QUEUE.into(), FieldTable::default());
    let fleeting = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue, fleeting, none.clone()).await?;
    let (exchange, key) = (EVENTS_EXCHANGE.into(), OrderConfirmed::TYPE.into());
    channel.queue_bind(QUEUE.into(), exchange, key, QueueBindOptions::default(), none.clone()).await?;
    let unacknowledged = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    Ok(channel.basic_consume(QUEUE.into(), "".into(), unacknowledged, none).await?)
}
