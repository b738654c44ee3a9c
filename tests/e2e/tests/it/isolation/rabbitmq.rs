//! RabbitMQ: queues and exchanges whose names begin with their unit's.

use anyhow::{Context as _, Result};
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ErrorKind, ExchangeKind};
use std::time::Duration;
use tokio::time::timeout;

use super::Login;

/// How long the broker may take to answer one question.
const LIMIT: Duration = Duration::from_secs(20);

/// Declares a queue and an exchange for each unit of a virtual host, and the exchange that all share.
pub(super) async fn prepare(administrator: &str, units: &[&str]) -> Result<()> {
    let connection = Connection::connect(administrator, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    exchange(&channel, "events", ExchangeKind::Direct).await?;
    for unit in units {
        queue(&channel, &format!("{unit}.isolation")).await?;
        exchange(&channel, &format!("{unit}.direct"), ExchangeKind::Direct).await?;
    }
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn possible(login: &Login, place: &Login) -> Result<Vec<&'static str>> {
    let Login { user, password, .. } = login;
    let url = format!("amqp://{user}:{password}@127.0.0.1:{}/{}", place.port, place.place);
    let connection = match Connection::connect(&url, ConnectionProperties::default()).await {
        Ok(connection) => connection,
        Err(error) if is_refusal(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let (name, direct) = (format!("{}.isolation", place.unit), format!("{}.direct", place.unit));
    let mut done = Vec::new();
    for what in ["read", "consume", "purge", "write", "write past its exchange", "bind", "declare", "delete"] {
        // A refusal closes the channel: each try has its own.
        let channel = in_time("a channel", connection.create_channel()).await??;
        match in_time(what, attempt(&channel, what, &name, &direct)).await? {
            Ok(()) => done.push(what),
            // A refused publishing is told by closing the channel, and nothing but the channel.
            Err(error) if is_refusal(&error) || (is_closing(&error) && connection.status().connected()) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if login == place {
        // What only administrators may: reach every queue by its name.
        anyhow::ensure!(!done.contains(&"write past its exchange"), "{} may use the default exchange", login.unit);
    }
    // Dropped, not closed: lapin may wait for ever while a channel is being closed, too.
    Ok(done)
}

/// What a call is answered in time.
async fn in_time<T>(what: &str, call: impl Future<Output = lapin::Result<T>>) -> Result<lapin::Result<T>> {
    timeout(LIMIT, call).await.with_context(|| format!("no answer came to: {what}"))
}

async fn attempt(channel: &Channel, what: &str, name: &str, direct: &str) -> lapin::Result<()> {
    match what {
        "read" => channel.basic_get(name.into(), BasicGetOptions { no_ack: true }).await.map(drop),
        "consume" => {
            let options = BasicConsumeOptions::default();
            channel.basic_consume(name.into(), "isolation".into(), options, FieldTable::default()).await.map(drop)
        }
        "purge" => channel.queue_purge(name.into(), QueuePurgeOptions::default()).await.map(drop),
        "write" => publish(channel, direct, name).await,
        "write past its exchange" => publish(channel, "", name).await,
        "bind" => {
            let (options, key) = (QueueBindOptions::default(), "auth.user.registered".into());
            channel.queue_bind(name.into(), "events".into(), key, options, FieldTable::default()).await
        }
        "declare" => queue(channel, &format!("{name}.more")).await,
        _ => channel.queue_delete(format!("{name}.more").into(), QueueDeleteOptions::default()).await.map(drop),
    }
}

async fn publish(channel: &Channel, exchange: &str, key: &str) -> lapin::Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let confirm = channel.basic_publish(exchange.into(), key.into(), options, b"{}", properties).await?;
    confirm.await.map(drop)
}

async fn queue(channel: &Channel, name: &str) -> lapin::Result<()> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.into(), options, FieldTable::default()).await.map(drop)
}

async fn exchange(channel: &Channel, name: &str, kind: ExchangeKind) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name.into(), kind, options, FieldTable::default()).await
}

fn is_refusal(error: &lapin::Error) -> bool {
    let refused = ["ACCESS_REFUSED", "ACCESS-REFUSED", "NOT_ALLOWED", "NOT-ALLOWED"];
    matches!(error.kind(), ErrorKind::ProtocolError(_))
        && refused.iter().any(|word| error.to_string().to_uppercase().contains(word))
}

fn is_closing(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidChannelState(..))
}
