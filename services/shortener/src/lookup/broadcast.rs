//! Hearing of changes that other instances made.

use super::Lookup;
use super::entry::decode_change;
use futures::StreamExt;
use std::sync::Arc;

impl Lookup {
    /// Takes over changes that other instances announce; a background task.
    ///
    /// What was announced while nobody listened is lost: what is in memory is looked up anew then.
    pub async fn follow(self) -> anyhow::Result<()> {
        let shared = &self.inner.shared;
        let mut subscription = shared.client.get_async_pubsub().await?;
        subscription.subscribe(&shared.channel).await?;
        self.inner.fresh.invalidate_all();
        tracing::info!("Changes of other instances are heard.");
        let mut messages = subscription.into_on_message();
        while let Some(message) = messages.next().await {
            match decode_change(message.get_payload_bytes()) {
                Ok((code, entry)) => self.inner.take_over(code, Arc::new(entry)).await,
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "A change cannot be read.");
                }
            }
        }
        anyhow::bail!("Redis ended the subscription")
    }
}
