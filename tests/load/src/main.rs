//! Load benches: every figure is a ratio to, or stands beside, a baseline that the same run measured.
//!
//! `cargo dev bench` runs them all; `load redirects bulk` names some.

mod baseline;
mod bulk;
mod checkout;
mod compose;
mod event_store;
mod gateway;
mod generator;
mod ingest;
mod memory;
mod processor;
mod redirects;
mod report;

use clap::{Parser, ValueEnum};
use std::net::SocketAddr;

#[derive(Parser)]
#[command(about = "Measures Vitrine against baselines of the same run")]
struct Arguments {
    /// Which benches to run; all when none is named.
    benches: Vec<Bench>,
    /// Serves the baseline that redirects are compared with. Started by the bench itself.
    #[arg(long, hide = true)]
    baseline: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// Redirects with the click path on, beside a bare server that answers 302.
    Redirects,
    /// 5,000 links in one request.
    Bulk,
    /// 1,000,000 clicks from the stream into ClickHouse.
    Ingest,
    /// One GraphQL query over links and statistics: upstream calls and time.
    Compose,
    /// What a request costs the gateway, beside a gateway on Apollo Server.
    Gateway,
    /// Resident memory of each unit after start.
    Memory,
    /// Orders from placed to confirmed, beside what Postgres and RabbitMQ can do.
    Orders,
    /// The event store of orders: append, and load with and without a snapshot.
    EventStore,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(address) = arguments.baseline {
        return baseline::serve(address).await;
    }
    let chosen = match arguments.benches.as_slice() {
        [] => Bench::value_variants(),
        some => some,
    };
    for bench in chosen {
        match bench {
            Bench::Redirects => redirects::run().await?,
            Bench::Bulk => bulk::run().await?,
            Bench::Ingest => ingest::run().await?,
            Bench::Compose => compose::run().await?,
            Bench::Gateway => gateway::run().await?,
            Bench::Memory => memory::run().await?,
            Bench::Orders => checkout::run().await?,
            Bench::EventStore => event_store::run().await?,
        }
    }
    Ok(())
}
