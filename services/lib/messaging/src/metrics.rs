//! The names of the metrics that messaging emits.

/// Messages handed to the broker, by `outcome` (`confirmed`, `failed`).
pub const PUBLISHED: &str = "messages_published_total";
/// Rows in the outbox that are not published yet.
pub const OUTBOX_PENDING: &str = "outbox_pending";
/// The age of the oldest row in the outbox, in seconds.
pub const OUTBOX_OLDEST: &str = "outbox_oldest_seconds";
/// Rows of the outbox that were published.
pub const OUTBOX_PUBLISHED: &str = "outbox_published_total";
/// Rows of the outbox that could not be published this time.
pub const OUTBOX_FAILED: &str = "outbox_failed_total";
/// Messages by `consumer` and `outcome` (`done`, `retried`, `waiting`, `dead`, or `kept` when the process ended before).
pub const HANDLED: &str = "messages_handled_total";
/// How long handling a message took, by `consumer`, in seconds; for one of several that were handled together, what all
/// of them took.
pub const HANDLING: &str = "message_handling_seconds";
/// How old a message was when it was done, by `consumer`, in seconds.
pub const AGE: &str = "message_age_seconds";
/// Dead letters that wait for a decision, by `consumer`.
pub const DEAD_LETTERS: &str = "dead_letters";
/// Messages that are in a consumer's queues and not fetched, by `consumer`.
pub const QUEUED: &str = "consumer_queued_messages";
/// Queues of a consumer that no process consumes from, by `consumer`.
pub const ABANDONED: &str = "consumer_queues_without_process";
/// The age of the oldest message that this process has fetched and not dealt with, by `consumer`, in seconds; 0 when
/// there is none. Queues are read in order, so it is the oldest of the consumer's.
pub const OLDEST: &str = "consumer_oldest_message_seconds";
