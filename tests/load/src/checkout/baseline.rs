//! What the engines of the same run can do: commits by pgbench, confirmed publishes into one queue.

use anyhow::{Context as _, ensure};
use contracts::{
    amqp::COMMANDS_EXCHANGE,
    command::{Direction, StepRef, checkout::ReleaseStock},
    envelope::EventData as _,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kit::Sandbox;
use lapin::{
    options::{QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use messaging::{Broker, Outgoing, topology};
use sqlx::{Connection as _, Executor as _, PgConnection};
use std::time::Instant;
use tokio::process::Command;
use uuid::Uuid;

/// As many as a service's consumer works on at once.
const CLIENTS: &str = "8";
const SECONDS: &str = "5";
const MESSAGES: u64 = 20_000;
/// As many as a relay has on their way.
const AT_ONCE: usize = 256;

/// Commits a second of one inserted row each.
pub(super) async fn commits(sandbox: &Sandbox) -> anyhow::Result<f64> {
    let database = sandbox.postgres("orders");
    let mut connection = PgConnection::connect(database).await?;
    connection.execute("CREATE TABLE bench (id bigserial PRIMARY KEY, note text NOT NULL)").await?;
    let script = sandbox.folder().join("bench.sql");
    tokio::fs::create_dir_all(sandbox.folder()).await?;
    tokio::fs::write(&script, "INSERT INTO bench (note) VALUES (repeat('x', 100));\n").await?;
    let mut pgbench = Command::new(kit::engines::postgres_program("pgbench").context("Postgres is not installed")?);
    pgbench.args(["--no-vacuum", "--client", CLIENTS, "--jobs", "2", "--time", SECONDS, "--protocol", "prepared"]);
    let output = pgbench.arg("--file").arg(&script).arg(database).output().await?;
    connection.execute("DROP TABLE bench").await?;
    ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout)?;
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    tps.with_context(|| format!("pgbench told no rate: {said}"))
}

/// Confirmed publishes a second, of commands, into one quorum queue that nobody reads.
pub(super) async fn publishes(sandbox: &Sandbox) -> anyhow::Result<f64> {
    let broker = Broker::new(&sandbox.amqp_admin().into(), "load");
    let channel = broker.channel().await?;
    topology::declare_shared(&channel).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel.queue_declare("bench".into(), QueueDeclareOptions::durable(), arguments).await?;
    let (exchange, key) = (COMMANDS_EXCHANGE.into(), ReleaseStock::TYPE.into());
    channel.queue_bind("bench".into(), exchange, key, QueueBindOptions::default(), FieldTable::default()).await?;
    let publisher = broker.publisher();
    let messages: Vec<Outgoing> = (0..MESSAGES).map(|_| command()).collect::<Result<_, _>>()?;
    let began = Instant::now();
    let publishing = stream::iter(messages).map(|message| publisher.publish(message)).buffer_unordered(AT_ONCE);
    publishing.try_collect::<Vec<()>>().await?;
    Ok(MESSAGES as f64 / began.elapsed().as_secs_f64())
}

fn command() -> serde_json::Result<Outgoing> {
    let step = StepRef {
        saga_id: Uuid::now_v7(),
        step: "reserve_stock".to_owned(),
        direction: Direction::Backward,
        attempt: 1,
        reply_to: "orders.saga.replied".to_owned(),
    };
    Outgoing::command(ReleaseStock { step, orders_order_id: Uuid::now_v7() })
}
