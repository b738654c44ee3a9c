//! Exchanges, streams and queues, declared the same everywhere; declaring what is there is harmless.
//!
//! ```text
//! commands (direct) ─ c, as below
//! events (direct) ─┬─ events.log (stream, every event but clicks)
//!                  ├─ events.clicks (stream)
//!                  └─ c (consistent hash on the subject) ── c.0 … c.n (quorum, single active consumer)
//!                     ▲                                          │ delivery limit
//!                     └── c.retry.<ms> (delay) ◄── c.direct ──► c.dead ◄┘
//! ```

use crate::Subscription;
use crate::broker::answer;
use anyhow::Result;
use contracts::amqp::{
    CLICKS_KEY, CLICKS_LOG, COMMANDS_EXCHANGE, EVENTS_EXCHANGE, EVENTS_LOG, LOG_MAX_AGE, SUBJECT_HEADER,
};
use lapin::options::{ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};
use std::time::Duration;

/// The exchange type of the plugin `rabbitmq_consistent_hash_exchange`.
const CONSISTENT_HASH: &str = "x-consistent-hash";

/// Declares what all services share: the exchanges for events and commands, and the two streams.
pub async fn declare_shared(channel: &Channel) -> Result<()> {
    for shared in [EVENTS_EXCHANGE, COMMANDS_EXCHANGE] {
        exchange(channel, shared, ExchangeKind::Direct, FieldTable::default()).await?;
    }
    for stream in [EVENTS_LOG, CLICKS_LOG] {
        let arguments = [("x-queue-type", text("stream")), ("x-max-age", text(LOG_MAX_AGE))];
        queue(channel, stream, table(arguments)).await?;
    }
    for kind in contracts::event::logged() {
        bind_queue(channel, EVENTS_LOG, EVENTS_EXCHANGE, kind).await?;
    }
    bind_queue(channel, CLICKS_LOG, EVENTS_EXCHANGE, CLICKS_KEY).await?;
    Ok(())
}

/// Declares what one consumer needs.
pub(super) async fn declare_consumer(channel: &Channel, subscription: &Subscription) -> Result<()> {
    let name = subscription.name();
    let hash = table([("hash-header", text(SUBJECT_HEADER))]);
    exchange(channel, name, ExchangeKind::Custom(CONSISTENT_HASH.into()), hash).await?;
    let direct = direct(name);
    exchange(channel, &direct, ExchangeKind::Direct, FieldTable::default()).await?;

    let dead = dead_queue(name);
    queue(channel, &dead, quorum([])).await?;
    bind_queue(channel, &dead, &direct, &dead).await?;
    for delay in &subscription.schedule {
        let delayed = delay_queue(name, *delay);
        let back = [("x-message-ttl", AMQPValue::LongLongInt(millis(*delay))), ("x-dead-letter-exchange", text(name))];
        queue(channel, &delayed, quorum(back)).await?;
        bind_queue(channel, &delayed, &direct, &delayed).await?;
    }
    for index in 0..subscription.partitions {
        let partition = partition_queue(name, index);
        let arguments = [
            ("x-single-active-consumer", AMQPValue::Boolean(true)),
            ("x-delivery-limit", AMQPValue::LongInt(subscription.delivery_limit)),
            ("x-dead-letter-exchange", text(&direct)),
            ("x-dead-letter-routing-key", text(&dead)),
        ];
        queue(channel, &partition, quorum(arguments)).await?;
        // The routing key of a binding to a consistent-hash exchange is the queue's weight.
        bind_queue(channel, &partition, name, "1").await?;
    }
    for key in &subscription.keys {
        let (to, from, key) = (name.into(), subscription.exchange.into(), key.as_str().into());
        let options = ExchangeBindOptions::default();
        answer(channel.exchange_bind(to, from, key, options, FieldTable::default())).await?;
    }
    Ok(())
}

/// The queue of one partition.
pub(super) fn partition_queue(consumer: &str, index: u16) -> String {
    format!("{consumer}.{index}")
}

/// The queue whose messages return after `delay`.
pub(super) fn delay_queue(consumer: &str, delay: Duration) -> String {
    format!("{consumer}.retry.{}", millis(delay))
}

/// The queue of dead letters.
pub(super) fn dead_queue(consumer: &str) -> String {
    format!("{consumer}.dead")
}

/// The exchange that takes messages to delay queues and dead letters, by queue name. The default
/// exchange would do, but logins may not write to it: it reaches every queue.
pub(super) fn direct(consumer: &str) -> String {
    format!("{consumer}.direct")
}

fn millis(delay: Duration) -> i64 {
    i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

/// Arguments of a quorum queue that hands over its dead letters at least once.
fn quorum<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut arguments = table(entries);
    arguments.insert("x-queue-type".into(), text("quorum"));
    if arguments.contains_key("x-dead-letter-exchange") {
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        // The strategy demands it: dropping the oldest message would lose it.
        arguments.insert("x-overflow".into(), text("reject-publish"));
    }
    arguments
}

async fn exchange(channel: &Channel, name: &str, kind: ExchangeKind, arguments: FieldTable) -> Result<()> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    answer(channel.exchange_declare(name.into(), kind, options, arguments)).await
}

async fn queue(channel: &Channel, name: &str, arguments: FieldTable) -> Result<()> {
    answer(channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments)).await.map(drop)
}

async fn bind_queue(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<()> {
    let options = QueueBindOptions::default();
    answer(channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default())).await
}
