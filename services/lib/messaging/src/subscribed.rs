//! Channels that are closed when nobody waits for their consumer any more.

use futures::FutureExt;
use lapin::Channel;
use std::ops::Deref;

/// A channel on which a consumer is started. It is closed when it is dropped, whenever that is.
///
/// The client cancels a consumer whose owner is dropped, but not one that it never handed over: when
/// a future is dropped while it waits for the broker's answer, the consumer would go on for as long
/// as the connection, which others share, and take messages or keep a queue to itself.
pub(super) struct Subscribed(Channel);

impl Subscribed {
    pub(super) fn on(channel: Channel) -> Self {
        Self(channel)
    }
}

impl Deref for Subscribed {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.0
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        // The first poll sends it off; on a channel that is closed already it does nothing.
        let _ = self.0.close(200, "dropped".into()).now_or_never();
    }
}
