//! The outbox: what is to be published is written in the transaction that changes the state, and published from there.
//!
//! Two writes, one to the store and one to the broker, cannot be made one: a process that dies in between would lose or
//! invent an event. Here there is one write; [`Relay`](crate::Relay) does the rest, as often as it takes.

use std::future::Future;
use std::time::Duration;
use uuid::Uuid;

/// A message that a relay has claimed.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The message's id, under which it is settled.
    pub id: Uuid,
    /// The key of ordering.
    pub subject: String,
    /// The exchange that it goes to.
    pub exchange: String,
    /// The key that it is routed by.
    pub routing_key: String,
    /// The event as JSON, which is published as it stands here.
    pub envelope: String,
}

/// How much waits to be published.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pending {
    /// Messages.
    pub count: u64,
    /// The age of the oldest, in seconds.
    pub oldest: f64,
}

/// An outbox as a relay sees it. Relays may die at any moment: a claim is a lease that runs out.
pub trait Store: Clone + Send + Sync + 'static {
    /// Hears when something was written.
    type Wake: Wake;

    /// Claims up to `limit` messages for `lease`: of each subject the oldest ones, in order, and
    /// none while another relay holds one of that subject.
    fn claim(
        &self,
        relay: Uuid,
        limit: u32,
        lease: Duration,
    ) -> impl Future<Output = anyhow::Result<Vec<Claimed>>> + Send;

    /// Drops what was published, and hands some back; what else was claimed stays so.
    fn settle(&self, relay: Uuid, published: &[Uuid], back: &[Uuid])
    -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Hands back everything that `relay` holds.
    fn release(&self, relay: Uuid) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Counts what waits.
    fn pending(&self) -> impl Future<Output = anyhow::Result<Pending>> + Send;

    /// Starts to listen for writes.
    fn listen(&self) -> impl Future<Output = anyhow::Result<Self::Wake>> + Send;
}

/// A subscription to the writes of an outbox.
pub trait Wake: Send + 'static {
    /// Waits for the next write.
    fn woken(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}
