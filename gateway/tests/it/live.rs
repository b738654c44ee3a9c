//! What lasts: subscriptions over server-sent events and WebSockets.

mod events;
mod feed;
mod sequence;
pub(crate) mod socket;

/// The query of every test.
fn watch(number: usize) -> String {
    format!("subscription {{ orderChanged(id: \"{}\") {{ status version }} }}", crate::orders::id(number))
}
