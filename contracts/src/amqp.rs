//! Names of exchanges, streams and queues in RabbitMQ.

/// The topic exchange that takes every event; the routing key is the event's type.
pub const EVENTS_EXCHANGE: &str = "events";

/// The topic exchange that takes the commands of sagas, routed by their type, and the replies, routed by the key that
/// the command names.
pub const COMMANDS_EXCHANGE: &str = "commands";

/// The stream that keeps every event but clicks for [`LOG_MAX_AGE`].
pub const EVENTS_LOG: &str = "events.log";

/// The stream that keeps batches of clicks for [`LOG_MAX_AGE`].
///
/// Clicks outnumber all other events by orders of magnitude, so they have a log of their own:
/// rebuilding a view never reads through them.
pub const CLICKS_LOG: &str = "events.clicks";

/// How long both streams keep messages, in RabbitMQ's `x-max-age` notation (six months).
pub const LOG_MAX_AGE: &str = "6M";

/// The routing key under which batches of clicks are published.
pub const CLICKS_KEY: &str = "shortener.url.clicked";

/// The routing patterns that [`EVENTS_LOG`] is bound with: every event type but [`CLICKS_KEY`].
pub const EVENTS_LOG_PATTERNS: &[&str] = &[
    "auth.#",
    "shortener.url.created",
    "shortener.url.updated",
    "shortener.url.deleted",
    "orders.#",
    "inventory.#",
    "payments.#",
];

/// The prefix of the headers that carry CloudEvents attributes in AMQP binary mode.
///
/// Source: CloudEvents AMQP protocol binding 1.0, section 3.1.3.1.
pub const CLOUDEVENTS_PREFIX: &str = "cloudEvents_";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TYPES;

    fn is_logged(event_type: &str) -> bool {
        EVENTS_LOG_PATTERNS.iter().any(|pattern| match pattern.strip_suffix(".#") {
            Some(owner) => event_type.starts_with(owner),
            None => *pattern == event_type,
        })
    }

    #[test]
    fn every_event_type_but_clicks_reaches_the_log() {
        for event_type in TYPES {
            assert_eq!(is_logged(event_type), *event_type != CLICKS_KEY, "{event_type}");
        }
    }
}
