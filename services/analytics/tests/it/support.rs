//! A sandbox with analytics in it, and a stand-in for the shortener that publishes as it does.

use analytics::{
    config::{Clickhouse, Ingest},
    domain::agent::Agents,
    ingest::Ingester,
    store::Database,
};
use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use contracts::{
    envelope::{Event, EventData},
    event::shortener::{Click, UrlClicked, UrlCreated},
    problem::Problem,
    rest::analytics::LinkStats,
};
use harness::{PATIENCE, TestProgram};
use kit::{Sandbox, Stack, eventually};
use messaging::{Broker, Outgoing, Publisher, topology};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::{ops::Deref, sync::Arc};
use uuid::Uuid;

pub(crate) const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
pub(crate) const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
pub(crate) const BOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

pub(crate) async fn sandbox() -> Result<Sandbox> {
    Sandbox::of("analytics").await
}

/// The sandbox's database, through the service's own code.
pub(crate) fn database(sandbox: &Sandbox) -> Result<Database> {
    let login = sandbox.clickhouse("analytics");
    Ok(Database::open(&Clickhouse {
        url: login.url.parse()?,
        database: login.database.clone(),
        user: login.user.clone(),
        password: login.password.clone().into(),
    }))
}

/// An ingester that closes blocks early, so that a test sees many of them.
pub(crate) fn ingester(sandbox: &Sandbox, database: &Database) -> Ingester {
    let broker = Broker::new(&sandbox.amqp("analytics").into(), "analytics");
    let limits = Ingest { block_rows: 500, block_ms: 20 };
    Ingester::new(database.clone(), broker, Arc::new(Agents::default()), limits)
}

/// Asks ClickHouse directly, for one text.
pub(crate) async fn ask(sandbox: &Sandbox, sql: &str) -> Result<String> {
    let login = sandbox.clickhouse("analytics");
    let request = kit::http::client()
        .post(&login.url)
        .query(&[("database", &login.database)])
        .header("X-ClickHouse-User", &login.user)
        .header("X-ClickHouse-Key", &login.password)
        .body(sql.to_owned());
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    anyhow::ensure!(status.is_success(), "{sql}: {text}");
    Ok(text.trim().to_owned())
}

/// How many rows there are, and how many different clicks they are of.
pub(crate) async fn counted(sandbox: &Sandbox) -> Result<(u64, u64)> {
    let sql = "SELECT count(), uniqExact(spool_id, spool_sequence) FROM clicks";
    let text = ask(sandbox, sql).await?;
    let (rows, clicks) = text.split_once('\t').context("two numbers")?;
    Ok((rows.parse()?, clicks.parse()?))
}

/// Waits until exactly `expected` clicks are counted, and fails as soon as there are more.
pub(crate) async fn exactly(sandbox: &Sandbox, expected: u64) -> Result<()> {
    let what = format!("{expected} clicks to be counted");
    let found = eventually(PATIENCE, &what, async || {
        let found = counted(sandbox).await?;
        anyhow::ensure!(found.0 >= expected, "{found:?} are counted");
        Ok(Some(found))
    })
    .await?;
    anyhow::ensure!(found == (expected, expected), "not every click is there once: {found:?}");
    Ok(())
}

/// Publishes events as the shortener does.
pub(crate) struct Shortener {
    publisher: Publisher,
}

impl Shortener {
    pub(crate) async fn new(sandbox: &Sandbox) -> Result<Self> {
        let broker = Broker::new(&sandbox.amqp("shortener").into(), "shortener");
        topology::declare_shared(&broker.channel().await?).await?;
        Ok(Self { publisher: broker.publisher() })
    }

    /// Publishes, again and again until the broker has it.
    pub(crate) async fn publish<T: EventData + Clone>(&self, event: &Event<T>) -> Result<()> {
        let outgoing = Outgoing::event(event.clone())?;
        eventually(PATIENCE, "the broker to confirm", async || {
            self.publisher.publish(outgoing.clone()).await?;
            Ok(Some(()))
        })
        .await
    }

    /// Makes a link of the owner's, and tells its id. Analytics learns of it in time.
    pub(crate) async fn link(&self, owner: Uuid, code: &str) -> Result<Uuid> {
        let url_id = Uuid::now_v7();
        self.publish(&created(url_id, owner, code)).await?;
        Ok(url_id)
    }

    /// Publishes clicks of a spool from the given sequence on.
    pub(crate) async fn click(&self, spool_id: Uuid, first_sequence: u64, clicks: Vec<Click>) -> Result<()> {
        let batch = UrlClicked { spool_id, first_sequence, clicks };
        self.publish(&Event::new(spool_id.to_string(), first_sequence, batch)).await
    }
}

pub(crate) fn created(url_id: Uuid, owner: Uuid, code: &str) -> Event<UrlCreated> {
    let data = UrlCreated {
        url_id,
        short_code: code.to_owned(),
        original_url: "https://example.com/shoes".to_owned(),
        auth_user_id: owner,
        title: Some("Shoes".to_owned()),
        tags: vec!["spring".to_owned()],
        created_at: Utc::now(),
        expires_at: None,
    };
    Event::new(url_id.to_string(), 1, data)
}

/// A click of a link by a person, at a time.
pub(crate) fn click(url_id: Uuid, at: DateTime<Utc>, visitor: u128) -> Click {
    Click {
        url_id,
        clicked_at_ms: at.timestamp_millis(),
        visitor: format!("{visitor:032x}"),
        referrer: None,
        user_agent: Some(CHROME.to_owned()),
        country: Some("BR".to_owned()),
        language: Some("pt".to_owned()),
    }
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a date in a test is one")
}

/// A running analytics with a stand-in for the others.
pub(crate) struct TestApp {
    // Dropped in this order: processes end before their databases do.
    pub(crate) stack: Stack,
    pub(crate) shortener: Shortener,
    program: TestProgram,
}

impl Deref for TestApp {
    type Target = TestProgram;

    fn deref(&self) -> &TestProgram {
        &self.program
    }
}

impl TestApp {
    pub(crate) async fn start() -> Result<Self> {
        Self::within(sandbox().await?).await
    }

    pub(crate) async fn within(sandbox: Sandbox) -> Result<Self> {
        Self::doomed(sandbox, "").await
    }

    /// One that dies at a failpoint, if there is one.
    pub(crate) async fn doomed(sandbox: Sandbox, failpoint: &str) -> Result<Self> {
        let program = TestProgram::on(sandbox, "analytics").await;
        let shortener = Shortener::new(&program.sandbox).await?;
        Ok(Self { stack: program.start(failpoint).await, shortener, program })
    }

    /// Sees the program die, and starts it again without a failpoint.
    pub(crate) async fn revived(self) -> Self {
        Self { stack: self.program.revived(self.stack).await, ..self }
    }

    /// Asks as a user; `body` makes it JSON.
    pub(crate) async fn send(
        &self,
        user: Uuid,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<reqwest::Response> {
        let url = format!("{}{path}", self.stack.url("analytics"));
        let mut request = kit::http::client().request(method, url);
        request = request.bearer_auth(self.issuer.token(user, &["user"]));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        Ok(request.send().await?)
    }

    pub(crate) async fn get(&self, user: Uuid, path: &str) -> Result<reqwest::Response> {
        self.send(user, Method::GET, path, None).await
    }

    /// Asks for something that must be there.
    pub(crate) async fn read<T: serde::de::DeserializeOwned>(&self, user: Uuid, path: &str) -> Result<T> {
        let answer = self.get(user, path).await?;
        let status = answer.status();
        let text = answer.text().await?;
        anyhow::ensure!(status == StatusCode::OK, "{path}: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Makes a link and waits until analytics knows whose it is.
    pub(crate) async fn link(&self, owner: Uuid, code: &str) -> Result<Uuid> {
        let link = self.shortener.link(owner, code).await?;
        self.known(owner, code).await?;
        Ok(link)
    }

    pub(crate) async fn known(&self, owner: Uuid, code: &str) -> Result<()> {
        eventually(PATIENCE, "analytics to know the link", async || {
            let path = format!("/v1/links/{code}/stats");
            Ok(self.read::<LinkStats>(owner, &path).await.is_ok().then_some(()))
        })
        .await
    }
}

/// The problem that an answer holds.
pub(crate) async fn problem(answer: reqwest::Response) -> Result<Problem> {
    let media = answer.headers().get("content-type").context("an answer has a type")?.clone();
    anyhow::ensure!(media == contracts::problem::MEDIA_TYPE, "the answer is {media:?}");
    Ok(serde_json::from_str(&answer.text().await?)?)
}
