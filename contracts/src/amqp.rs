//! Names of exchanges, streams and queues in RabbitMQ.

/// The direct exchange that takes every event; the routing key is the event's type.
pub const EVENTS_EXCHANGE: &str = "events";

/// The direct exchange that takes the commands of sagas, routed by their type, and the replies, routed by the key that
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

/// The media type of an event in JSON, all of which is the message's body.
///
/// Source: CloudEvents AMQP protocol binding 1.0, section 3.2 (structured content mode).
pub const CLOUDEVENT: &str = "application/cloudevents+json";

/// The header that repeats an event's subject, for exchanges that choose by it.
///
/// Source: CloudEvents AMQP protocol binding 1.0, sections 3.1.3.1 (its name) and 3.2.3 (that it may be there).
pub const SUBJECT_HEADER: &str = "cloudEvents_subject";
