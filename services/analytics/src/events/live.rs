//! Clicks as they happen, for listeners.
//!
//! Each process reads the stream by itself, from its end, and only while somebody listens: which
//! process ingests does not matter.

use crate::domain::agent::Agents;
use crate::domain::click::CountedClick;
use crate::domain::watermark::Watermarks;
use crate::ingest::decode;
use crate::metrics;
use contracts::amqp::CLICKS_LOG;
use messaging::Broker;
use messaging::stream::{Reader, Record, Start};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, broadcast};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// How many clicks a listener may be behind before it misses some.
const BACKLOG: usize = 4_096;
/// How often it is checked whether anybody still listens.
const CHECK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub struct LiveClick {
    pub url_id: Uuid,
    pub click: CountedClick,
}

/// Hands out clicks as they happen. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

struct Inner {
    broker: Broker,
    agents: Arc<Agents>,
    /// Where clicks are sent while the stream is being read.
    sender: Mutex<Option<broadcast::Sender<Arc<LiveClick>>>>,
}

impl Live {
    /// Names the broker; reads nothing yet.
    pub fn new(broker: Broker, agents: Arc<Agents>) -> Self {
        Self { inner: Arc::new(Inner { broker, agents, sender: Mutex::default() }) }
    }

    /// Listens: every click that is published from now on comes, once.
    pub async fn listen(&self) -> anyhow::Result<broadcast::Receiver<Arc<LiveClick>>> {
        let mut slot = self.inner.sender.lock().await;
        if let Some(sender) = &*slot {
            return Ok(sender.subscribe());
        }
        let mut reader = Reader::open(&self.inner.broker, CLICKS_LOG, Start::Next);
        reader.attach().await?;
        let (sender, receiver) = broadcast::channel(BACKLOG);
        *slot = Some(sender.clone());
        tokio::spawn(Arc::clone(&self.inner).follow(reader, sender));
        Ok(receiver)
    }
}

impl Inner {
    async fn follow(self: Arc<Self>, mut reader: Reader, sender: broadcast::Sender<Arc<LiveClick>>) {
        let mut seen = Watermarks::default();
        loop {
            if !reader.is_attached() && reader.attach().await.is_err() {
                sleep(CHECK_EVERY).await;
            } else {
                match timeout(CHECK_EVERY, reader.next()).await {
                    Ok(Ok(record)) => self.send(&record, &mut seen, &sender),
                    // The stream is another one now. Listeners are let go, and come again.
                    Ok(Err(_)) => break *self.sender.lock().await = None,
                    Err(_) => {}
                }
            }
            #[allow(clippy::cast_precision_loss)]
            ::metrics::gauge!(metrics::LIVE_LISTENERS).set(sender.receiver_count() as f64);
            if sender.receiver_count() == 0 {
                // Looked at again under the lock, under which listeners begin.
                let mut slot = self.sender.lock().await;
                if sender.receiver_count() == 0 {
                    break *slot = None;
                }
            }
        }
    }

    fn send(&self, record: &Record, seen: &mut Watermarks, sender: &broadcast::Sender<Arc<LiveClick>>) {
        let Some(batch) = decode(record) else { return };
        let fresh = seen.take(batch.spool_id, batch.first_sequence, batch.clicks.len());
        for click in batch.clicks.into_iter().skip(fresh.repeated) {
            let live = LiveClick { url_id: click.url_id, click: CountedClick::new(click, &self.agents) };
            // Fails when nobody listens any more.
            let _ = sender.send(Arc::new(live));
        }
    }
}
