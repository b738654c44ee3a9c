//! What a request costs the gateway, beside a gateway on Apollo Server: same queries, same recorded answers of the same
//! number of upstream calls, same tokens, same limits in Redis, one log line each.

mod asking;
mod peer;
mod recorded;

use crate::{
    processor,
    report::{figure, title},
};
use anyhow::{Context as _, ensure};
use asking::{once, request, round};
use harness::Issuer;
use hdrhistogram::Histogram;
use kit::{Engine, Sandbox, Stack};
use peer::Peer;
use recorded::{LINKS, ORDER, Recorded};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use uuid::Uuid;

/// Requests at once.
const AT_ONCE: usize = 32;
/// One round of load; rounds of both gateways take turns, so that both meet the same machine.
const ROUND: Duration = Duration::from_secs(3);
/// Rounds of each gateway that count, for each query; one more goes before, to warm up.
const ROUNDS: usize = 3;
/// What limits allow: they are asked, and refuse nothing.
const PER_SECOND: u32 = 1_000_000;
const UPSTREAMS: [&str; 6] = ["AUTH", "SHORTENER", "ANALYTICS", "ORDERS", "INVENTORY", "PAYMENTS"];

/// A query and how many upstream calls it takes.
struct Row {
    name: &'static str,
    query: &'static str,
    variables: Value,
    calls: u64,
}

fn rows() -> [Row; 5] {
    let row = |name, query, variables, calls| Row { name, query, variables, calls };
    [
        row("{ __typename }", "{ __typename }", json!({}), 0),
        row(
            "one link",
            "query Link($code: String!) { link(code: $code) {
                id code url shortUrl title tags createdAt active clickCount redirectStatus } }",
            json!({"code": "code00"}),
            1,
        ),
        row(
            "20 links with sales",
            "query Links($first: Int!) { links(first: $first) { pageInfo { hasNextPage endCursor } edges { cursor node {
                id code url shortUrl title tags createdAt active clickCount orders { count revenue { minor currency } }
            } } } }",
            json!({"first": LINKS}),
            2,
        ),
        row(
            "one order, six calls",
            "query Order($id: ID!) { order(id: $id) { id status placedAt version total { minor currency }
                items { productName quantity unitPrice { minor currency } total { minor currency }
                    product { id sku name price { minor currency } stock { available } } }
                customer { id email fullName shippingAddress { street number city state zipCode country } }
                payment { id status amount { minor currency } lastFour createdAt }
                link { id code url title tags clickCount } history { version type at data } } }",
            json!({"id": ORDER}),
            6,
        ),
        row(
            "20 links with statistics",
            "query Links($first: Int!) { links(first: $first) { edges { node { code url stats {
                clicks uniqueVisitors series { at clicks } topReferrers { name count } browsers { name count }
            } } } } }",
            json!({"first": LINKS}),
            2,
        ),
    ]
}

pub(crate) async fn run() -> anyhow::Result<()> {
    title("What a request costs the gateway, beside Apollo Server on Node; 32 at once");
    let sandbox = Sandbox::only(&[Engine::Redis, Engine::Limits]).await?;
    let issuer = Issuer::start().await?;
    let recorded = Recorded::start().await?;
    let one_thread = start(&sandbox, &issuer, &recorded, Some("1")).await?;
    let all_threads = start(&sandbox, &issuer, &recorded, None).await?;
    let peer = Peer::start(&sandbox, &issuer, &recorded.url, PER_SECOND).await?;
    // Each client is a user of its own: calls of one user that are equal may be shared.
    let tokens: Vec<String> = (0..AT_ONCE).map(|_| issuer.token(Uuid::now_v7(), &["user"])).collect();
    let apollo = Gateway { name: "Apollo", address: peer.address, pid: peer.pid(), tokens: tokens.clone() };
    let gateways = [
        Gateway::of(&one_thread, "ours on one thread", &tokens)?,
        apollo,
        Gateway::of(&all_threads, "ours on a thread per processor", &tokens)?,
    ];
    for row in rows() {
        let expected = gateways[0].answer(&row, &recorded).await?;
        for gateway in &gateways[1..] {
            let answer = gateway.answer(&row, &recorded).await?;
            ensure!(answer == expected, "{}, {}: {answer} instead of {expected}", gateway.name, row.name);
        }
        let mut costs = [Costs::none()?, Costs::none()?, Costs::none()?];
        for number in 0..=ROUNDS {
            for (gateway, costs) in gateways.iter().zip(&mut costs) {
                let round = gateway.round(&row).await?;
                if number > 0 {
                    costs.add(&round)?;
                }
            }
        }
        tell(&row, &costs);
    }
    Ok(())
}

/// Starts the gateway between the recorded services and limits that refuse nothing. Node has one thread; so that equal
/// things are compared, ours can be told to have one, too.
async fn start(
    sandbox: &Sandbox,
    issuer: &Issuer,
    recorded: &Recorded,
    threads: Option<&str>,
) -> anyhow::Result<Stack> {
    let mut stack = Stack::builder(sandbox).env("gateway", "GATEWAY_JWT__JWKS_URL", issuer.jwks_url());
    if let Some(threads) = threads {
        stack = stack.env("gateway", "TOKIO_WORKER_THREADS", threads);
    }
    for upstream in UPSTREAMS {
        stack = stack.env("gateway", &format!("GATEWAY_UPSTREAMS__{upstream}__URL"), recorded.url.clone());
    }
    for limit in ["ADDRESS", "USER"] {
        for bound in ["PER_SECOND", "BURST"] {
            stack = stack.env("gateway", &format!("GATEWAY_LIMITS__{limit}__{bound}"), PER_SECOND.to_string());
        }
    }
    stack.start(&["gateway"]).await
}

/// Tells figures of ours on one thread, of Apollo's, and of ours on a thread per processor.
fn tell(row: &Row, costs: &[Costs; 3]) {
    let each = |of: &dyn Fn(&Costs) -> String| costs.each_ref().map(of).join(", ");
    figure(
        &format!("{}: requests/s (one thread, Apollo, all threads)", row.name),
        each(&|of| format!("{:.0}", of.rate())),
    );
    figure("  processor µs a request", each(&|of| format!("{:.0}", of.processor_us())));
    for quantile in [0.5, 0.99] {
        let at = |of: &Costs| format!("{:.2} ms", of.latencies.value_at_quantile(quantile) as f64 / 1_000.0);
        figure(&format!("  p{:.0}", quantile * 100.0), each(&at));
    }
    let [one_thread, apollo, all_threads] = costs.each_ref().map(Costs::processor_us);
    figure("  requests per processor second, by Apollo's (gate: 2)", format!("{:.2}", apollo / one_thread));
    figure("  the same, all threads", format!("{:.2}", apollo / all_threads));
}

/// A gateway under load.
struct Gateway {
    name: &'static str,
    address: SocketAddr,
    pid: u32,
    tokens: Vec<String>,
}

impl Gateway {
    fn of(stack: &Stack, name: &'static str, tokens: &[String]) -> anyhow::Result<Self> {
        let address = stack.url("gateway").trim_start_matches("http://").parse()?;
        Ok(Self { name, address, pid: stack.pid("gateway")?, tokens: tokens.to_vec() })
    }

    /// The request of each client.
    fn requests(&self, row: &Row) -> anyhow::Result<Vec<Vec<u8>>> {
        let body = serde_json::to_vec(&json!({"query": row.query, "variables": row.variables}))?;
        Ok(self.tokens.iter().map(|token| request(self.address, token, &body)).collect())
    }

    /// Asks once; the answer must be whole, and take as many upstream calls as are said.
    async fn answer(&self, row: &Row, recorded: &Recorded) -> anyhow::Result<Value> {
        let before = recorded.calls();
        let body = once(self.address, &self.requests(row)?[0]).await?;
        let answer: Value = serde_json::from_slice(&body)?;
        let calls = recorded.calls() - before;
        ensure!(answer.get("errors").is_none(), "{}, {}: {answer}", self.name, row.name);
        ensure!(calls == row.calls, "{}, {}: {calls} upstream calls instead of {}", self.name, row.name, row.calls);
        answer.get("data").cloned().context("no data")
    }

    async fn round(&self, row: &Row) -> anyhow::Result<Costs> {
        let before = processor::time_of(self.pid)?;
        let began = std::time::Instant::now();
        let latencies = round(self.address, self.requests(row)?, ROUND).await?;
        Ok(Costs { time: began.elapsed(), processor_ms: processor::time_of(self.pid)? - before, latencies })
    }
}

/// What requests cost.
struct Costs {
    time: Duration,
    processor_ms: f64,
    /// In microseconds.
    latencies: Histogram<u64>,
}

impl Costs {
    fn none() -> anyhow::Result<Self> {
        let latencies = Histogram::new_with_max(60_000_000, 3)?;
        Ok(Self { time: Duration::ZERO, processor_ms: 0.0, latencies })
    }

    fn add(&mut self, round: &Self) -> anyhow::Result<()> {
        self.time += round.time;
        self.processor_ms += round.processor_ms;
        self.latencies.add(&round.latencies)?;
        Ok(())
    }

    /// Requests a second.
    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.time.as_secs_f64()
    }

    /// Processor time of a request, user's and kernel's.
    fn processor_us(&self) -> f64 {
        self.processor_ms * 1_000.0 / self.latencies.len() as f64
    }
}
