//! Clients of every kind, each at a steady rate through the gateway, and what they are answered.

use crate::{
    PATIENCE, client,
    ledger::Ledger,
    shop::{Buyer, Opening, Shop},
};
use backon::{ConstantBuilder, Retryable as _};
use harness::Issuer;
use kit::{Sandbox, Stack};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// Follows a short link.
    Redirect,
    /// Reads the own links.
    Links,
    /// Reads a link with its statistics.
    Statistics,
    /// Looks at what is on sale.
    Products,
    /// Reads the own orders.
    Orders,
    /// Places an order.
    Purchase,
    /// Logs in.
    LogIn,
}

impl Probe {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Redirect, Self::Links, Self::Statistics, Self::Products, Self::Orders, Self::Purchase, Self::LogIn];

    /// The heading of its column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Links => "links",
            Self::Statistics => "statistics",
            Self::Products => "products",
            Self::Orders => "orders",
            Self::Purchase => "purchase",
            Self::LogIn => "log-in",
        }
    }

    /// How many are sent in a second: few enough that the machine has time for the fault.
    const fn per_second(self) -> u32 {
        match self {
            Self::Redirect => 10,
            Self::LogIn => 1,
            _ => 2,
        }
    }
}

/// A user of the platform, as the probes act for them.
#[derive(Debug, Clone)]
pub struct Person {
    /// Token and means of payment.
    pub buyer: Buyer,
    /// The address that the gateway is told.
    pub address: String,
    /// A short link of theirs.
    pub code: String,
}

/// Whom the probes act for, and where.
#[derive(Debug, Clone)]
pub struct World {
    /// Base URL of the gateway.
    pub gateway: String,
    /// The users, who take turns.
    pub people: Vec<Person>,
    /// What they buy.
    pub product: Uuid,
    /// E-mail and password that auth takes.
    pub account: (String, String),
}

impl World {
    /// Opens a shop for eight buyers, each with a link of their own. Fails when a service refuses.
    pub async fn open(stack: &Stack, sandbox: &Sandbox, issuer: &Issuer) -> anyhow::Result<(Self, Shop)> {
        let opening = Opening { stock: &[1_000_000], tokens: &["tok_visa_ok"; 8] };
        let shop = Shop::open(stack, issuer, opening).await?;
        let mut people = Vec::new();
        for (number, buyer) in shop.buyers.iter().enumerate() {
            let code = Ledger::of(stack, &buyer.token).make_link().await?;
            people.push(Person { buyer: buyer.clone(), address: format!("203.0.113.{number}"), code });
        }
        let operator = sandbox.operator();
        let account = (operator.email.clone(), operator.password.clone());
        Ok((Self { gateway: stack.url("gateway"), people, product: shop.products[0], account }, shop))
    }

    fn request(&self, probe: Probe, person: &Person, client: &reqwest::Client) -> RequestBuilder {
        let ask = |query: &str| {
            client
                .post(format!("{}/graphql", self.gateway))
                .bearer_auth(&person.buyer.token)
                .json(&json!({"query": query}))
        };
        let request = match probe {
            Probe::Redirect => client.get(format!("{}/r/{}", self.gateway, person.code)),
            Probe::Links => ask("{ links(first: 5) { edges { node { code } } } }"),
            Probe::Statistics => {
                ask(&format!(r#"{{ link(code: "{}") {{ code stats {{ clicks stale }} }} }}"#, person.code))
            }
            Probe::Products => ask("{ products(first: 5) { edges { node { id } } } }"),
            Probe::Orders => ask("{ orders(first: 5) { edges { node { id status } } } }"),
            Probe::Purchase => {
                let order = json!({
                    "items": [{"product_id": self.product, "quantity": 1}],
                    "payment_method_id": person.buyer.payment_method_id,
                });
                let request = client.post(format!("{}/api/orders/v1/orders", self.gateway)).json(&order);
                request.bearer_auth(&person.buyer.token).header("idempotency-key", Uuid::now_v7().to_string())
            }
            Probe::LogIn => {
                let (email, password) = &self.account;
                let query = "mutation($i: LoginInput!) { login(input: $i) { accessToken } }";
                let body = json!({"query": query, "variables": {"i": {"email": email, "password": password}}});
                client.post(format!("{}/graphql", self.gateway)).json(&body)
            }
        };
        request.header("x-forwarded-for", &person.address).timeout(PATIENCE)
    }
}

/// What became of one kind of request.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How many were answered as on a good day.
    pub good: u64,
    /// The others, by what was told instead: a code, `stale`, or what became of the connection.
    pub others: BTreeMap<String, u64>,
    /// The longest that anybody waited.
    pub slowest: Duration,
    /// How many were good since the last that was not.
    pub in_a_row: u64,
}

impl Tally {
    /// How many ended.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.good + self.others.values().sum::<u64>()
    }

    fn enter(&mut self, told: Option<String>, took: Duration) {
        self.slowest = self.slowest.max(took);
        match told {
            None => (self.good, self.in_a_row) = (self.good + 1, self.in_a_row + 1),
            Some(word) => {
                self.in_a_row = 0;
                *self.others.entry(word).or_default() += 1;
            }
        }
    }
}

/// Tallies by kind.
pub type Tallies = BTreeMap<Probe, Tally>;

/// Clients of every kind at work. They end with this value.
pub struct Probes {
    tallies: Arc<Mutex<Tallies>>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Probes {
    /// Lets clients of every kind begin.
    #[must_use]
    pub fn start(world: &Arc<World>) -> Self {
        let (tallies, stop) = (Arc::<Mutex<Tallies>>::default(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        for probe in Probe::ALL {
            tasks.spawn(send(probe, Arc::clone(world), Arc::clone(&tallies), stop.clone()));
        }
        Self { tallies, stop, tasks }
    }

    /// Stops, waits for the last answers, and tells what became of the requests since [`take`](Self::take).
    pub async fn stop(self) -> Tallies {
        self.stop.cancel();
        self.tasks.join_all().await;
        std::mem::take(&mut lock(&self.tallies))
    }

    /// What became of the requests since the last time that this was asked.
    #[must_use]
    pub fn take(&self) -> Tallies {
        std::mem::take(&mut lock(&self.tallies))
    }

    /// Whether each kind has ended at least `each` requests since then.
    #[must_use]
    pub fn have_asked(&self, each: u64) -> bool {
        let tallies = lock(&self.tallies);
        Probe::ALL.iter().all(|probe| tallies.get(probe).is_some_and(|tally| tally.asked() >= each))
    }

    /// The kinds whose last `many` requests were not all good.
    #[must_use]
    pub fn suffering(&self, many: u64) -> Vec<&'static str> {
        let tallies = lock(&self.tallies);
        let suffers = |probe: &&Probe| tallies.get(probe).is_none_or(|tally| tally.in_a_row < many);
        Probe::ALL.iter().filter(suffers).map(|probe| probe.name()).collect()
    }
}

fn lock(tallies: &Mutex<Tallies>) -> MutexGuard<'_, Tallies> {
    tallies.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send(probe: Probe, world: Arc<World>, tallies: Arc<Mutex<Tallies>>, stop: CancellationToken) {
    let (client, mut under_way) = (client(), JoinSet::new());
    let mut ticks = interval(Duration::from_secs(1) / probe.per_second());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for person in world.people.iter().cycle() {
        if stop.run_until_cancelled(ticks.tick()).await.is_none() {
            break;
        }
        let (request, tallies) = (world.request(probe, person, &client), Arc::clone(&tallies));
        under_way.spawn(async move {
            let began = Instant::now();
            let told = match sent(request).await {
                Ok(answer) => complaint(probe, answer).await,
                Err(error) => Some(broken(&error).to_owned()),
            };
            lock(&tallies).entry(probe).or_default().enter(told, began.elapsed());
        });
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
}

/// Sends a request. One whose connection was refused was never sent: it is tried again, as browsers and balancers do.
async fn sent(request: RequestBuilder) -> reqwest::Result<Response> {
    let once = async || request.try_clone().expect("a body that can be sent again").send().await;
    let pauses = ConstantBuilder::default().with_delay(Duration::from_millis(50)).with_max_times(100);
    once.retry(pauses).when(reqwest::Error::is_connect).await
}

fn broken(error: &reqwest::Error) -> &'static str {
    match (error.is_connect(), error.is_timeout()) {
        (true, _) => "refused",
        (_, true) => "no answer",
        _ => "broken off",
    }
}

/// What was told in place of a good answer; nothing when it is good.
async fn complaint(probe: Probe, answer: Response) -> Option<String> {
    let status = answer.status();
    if probe == Probe::Redirect && status.is_redirection() {
        return None;
    }
    let body: Value = match answer.json().await {
        Ok(body) => body,
        Err(error) => return Some(broken(&error).to_owned()),
    };
    let told = [&body["errors"][0]["extensions"]["code"], &body["code"]].into_iter().find_map(Value::as_str);
    match told {
        Some(code) => Some(code.to_owned()),
        None if !status.is_success() => Some(status.as_u16().to_string()),
        None if body["data"]["link"]["stats"]["stale"] == true => Some("stale".to_owned()),
        None => None,
    }
}
