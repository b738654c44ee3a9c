//! Hears on the log of events which orders are confirmed: when anybody can know it, not when a row says so.

use chassis::messaging::{
    Broker,
    stream::{Reader, Start},
};
use contracts::{amqp::EVENTS_LOG, envelope::EventData as _, event::orders::OrderConfirmed};
use kit::Sandbox;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Instant,
};
use tokio::sync::oneshot;
use uuid::Uuid;

/// What is known of an order.
enum Known {
    /// Somebody waits for its confirmation.
    Awaited(oneshot::Sender<Instant>),
    /// It is confirmed, and nobody has asked yet.
    Confirmed(Instant),
}

/// Ears on the log of events.
pub(super) struct News(Mutex<HashMap<Uuid, Known>>);

impl News {
    /// Listens from now on, for as long as the bench runs.
    pub(super) async fn listen(sandbox: &Sandbox) -> anyhow::Result<Arc<Self>> {
        let broker = Broker::new(&sandbox.amqp("orders").into(), "load");
        let mut log = Reader::open(&broker, EVENTS_LOG, Start::Next).prefetch(2_000);
        log.attach().await?;
        let news = Arc::new(Self(Mutex::default()));
        let heard = Arc::clone(&news);
        tokio::spawn(async move {
            while let Ok(record) = log.next().await {
                if record.message.kind == OrderConfirmed::TYPE
                    && let Ok(order) = record.message.subject.parse()
                {
                    heard.hear(order);
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
