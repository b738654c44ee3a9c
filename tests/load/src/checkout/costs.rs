//! What orders cost: messages, commits and processor time, as the services and Postgres count them.

use crate::{processor, report::figure};
use anyhow::Context as _;
use kit::{Sandbox, Stack};
use sqlx::{Connection as _, PgConnection};

/// What was used up to a moment.
#[derive(Debug, Clone)]
pub(super) struct Costs {
    messages: f64,
    transactions: f64,
    flushes: f64,
    /// Milliseconds of processor time of each unit.
    processor: Vec<(String, f64)>,
    machine: Machine,
}

/// What became of the processors' time, in ticks.
#[derive(Debug, Clone, Copy)]
struct Machine {
    all: f64,
    /// Kept by the host of a virtual machine for others.
    stolen: f64,
}

impl Costs {
    /// Reads the counters of units and their databases.
    pub(super) async fn so_far(sandbox: &Sandbox, stack: &Stack, units: &[&str]) -> anyhow::Result<Self> {
        let machine = Machine::so_far()?;
        let mut costs = Self { messages: 0.0, transactions: 0.0, flushes: 0.0, processor: Vec::new(), machine };
        for &unit in units {
            costs.processor.push((unit.to_owned(), processor::time_of(stack.pid(unit)?)?));
            if unit == "providers" {
                continue;
            }
            costs.messages += published(&stack.url(unit)).await?;
            let mut database = PgConnection::connect(sandbox.postgres(unit)).await?;
            let (transactions, flushes): (i64, i64) = sqlx::query_as(
                "SELECT xact_commit, (SELECT wal_sync FROM pg_stat_wal)
                 FROM pg_stat_database WHERE datname = current_database()",
            )
            .fetch_one(&mut database)
            .await?;
            costs.transactions += transactions as f64;
            // Of the whole server.
            costs.flushes = flushes as f64;
        }
        Ok(costs)
    }

    /// What was used since an earlier moment.
    pub(super) fn since(&self, before: &Self) -> Self {
        let processor = self.processor.iter().zip(&before.processor);
        Self {
            messages: self.messages - before.messages,
            transactions: self.transactions - before.transactions,
            flushes: self.flushes - before.flushes,
            processor: processor.map(|((unit, now), (_, then))| (unit.clone(), now - then)).collect(),
            machine: Machine {
                all: self.machine.all - before.machine.all,
                stolen: self.machine.stolen - before.machine.stolen,
            },
        }
    }

    /// Prints it per order, and beside what the engines can do.
    pub(super) fn tell(&self, orders: u64, rate: f64, commits: f64, publishes: f64) {
        let per_order = |value: f64| value / orders as f64;
        let (messages, transactions) = (per_order(self.messages), per_order(self.transactions));
        figure("messages per order", format!("{messages:.2}"));
        figure("  so published, of what RabbitMQ could", percent(rate * messages, publishes));
        figure("transactions per order, reading ones included", format!("{transactions:.2}"));
        figure("  so committed, of what pgbench could", percent(rate * transactions, commits));
        figure("flushes to disk per order", format!("{:.2}", per_order(self.flushes)));
        for (unit, milliseconds) in &self.processor {
            figure(&format!("processor time per order: {unit}"), format!("{:.2} ms", per_order(*milliseconds)));
        }
        figure("processors' time that the machine's host kept", percent(self.machine.stolen, self.machine.all));
    }
}

impl Machine {
    /// As the kernel counts it, in the first line of `/proc/stat`.
    fn so_far() -> anyhow::Result<Self> {
        let stat = std::fs::read_to_string("/proc/stat")?;
        // user, nice, system, idle, iowait, irq, softirq, steal; what guests used is in user already.
        let times = stat.split_whitespace().skip(1).take(8).map(str::parse::<f64>);
        let times: Vec<f64> = times.collect::<Result<_, _>>()?;
        Ok(Self { all: times.iter().sum(), stolen: *times.get(7).context("no steal time")? })
    }
}

fn percent(part: f64, whole: f64) -> String {
    format!("{:.0} %", part / whole * 100.0)
}

/// Messages that a unit's relay has published.
async fn published(url: &str) -> anyhow::Result<f64> {
    let metrics = chassis::client::new().get(format!("{url}/metrics")).send().await?.error_for_status()?;
    let text = metrics.text().await?;
    let counts = text.lines().filter(|line| line.starts_with(messaging::metrics::OUTBOX_PUBLISHED));
    Ok(counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}
