//! The copy in Redis, which all instances share. Everything here may fail: then one does without.

use super::{
    absence::Absence,
    entry::{Entry, encode_change},
};
use crate::domain::ShortCode;
use anyhow::Context as _;
use redis::{
    Client, RedisResult, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use secrecy::ExposeSecret;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long Redis may take for an answer.
const LIMIT: Duration = Duration::from_millis(250);
/// For how long it is remembered that a code does not exist: whoever invents codes does not fill it.
const UNKNOWN_KEPT: Duration = Duration::from_secs(10);

/// Writes an entry unless one of a later version stands there.
const PUT: &str = r"
    local known = redis.call('GET', KEYS[1])
    if known and struct.unpack('>I8', known) > struct.unpack('>I8', ARGV[1]) then return 0 end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return 1";

/// Redis, with what is written there. Cheap to clone.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) channel: String,
    connection: ConnectionManager,
    prefix: String,
    kept: Duration,
    put: Script,
    absence: Arc<Absence>,
}

impl Shared {
    pub(super) fn new(config: &chassis::config::Redis, kept: Duration) -> anyhow::Result<Self> {
        let client = Client::open(config.url.expose_secret())
            .map_err(|_| anyhow::anyhow!("redis.url is not a valid Redis URL"))?;
        let settings = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(LIMIT))
            .set_response_timeout(Some(LIMIT))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), settings)
            .context("redis.url is not usable")?;
        Ok(Self {
            client,
            connection,
            channel: format!("{}changes", config.prefix),
            prefix: format!("{}link:", config.prefix),
            kept,
            put: Script::new(PUT),
            absence: Arc::default(),
        })
    }

    /// The entry of a code, if there is one and Redis answers.
    pub(super) async fn get(&self, code: ShortCode) -> Option<Entry> {
        if self.absence.is_noted() {
            return None;
        }
        let mut connection = self.connection.clone();
        let mut command = redis::cmd("GET");
        command.arg(self.key(code));
        let found: Option<Vec<u8>> = self.ask(command.query_async(&mut connection)).await?;
        match Entry::decode(&found?) {
            Ok(entry) => entry,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "An entry in Redis cannot be read.");
                None
            }
        }
    }

    /// Writes what was looked up, by the way.
    pub(super) fn offer(&self, code: ShortCode, entry: &Entry) {
        if self.absence.is_noted() {
            return;
        }
        let (shared, bytes) = (self.clone(), entry.encode());
        tokio::spawn(async move { shared.put(code, &bytes).await });
    }

    /// Writes an entry, unless a later one is there. Tells whether Redis answered.
    pub(super) async fn put(&self, code: ShortCode, entry: &[u8]) -> bool {
        let is_nothing = entry.iter().take(8).all(|byte| *byte == 0);
        let kept = if is_nothing { UNKNOWN_KEPT } else { self.kept };
        let mut invocation = self.put.key(self.key(code));
        invocation.arg(entry).arg(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX));
        let mut connection = self.connection.clone();
        self.ask(invocation.invoke_async::<i64>(&mut connection)).await.is_some()
    }

    /// Writes a change and tells every instance. When Redis does not answer, goes on trying for as
    /// long as what stands there may be old.
    pub(super) async fn announce(&self, code: ShortCode, entry: &Entry) {
        let bytes = entry.encode();
        if self.put(code, &bytes).await && self.publish(code, &bytes).await {
            return;
        }
        let shared = self.clone();
        tokio::spawn(async move {
            let until = tokio::time::Instant::now() + shared.kept;
            while tokio::time::Instant::now() < until {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if shared.put(code, &bytes).await && shared.publish(code, &bytes).await {
                    return;
                }
            }
        });
    }

    async fn publish(&self, code: ShortCode, entry: &[u8]) -> bool {
        let mut connection = self.connection.clone();
        let mut command = redis::cmd("PUBLISH");
        command.arg(&self.channel).arg(encode_change(code, entry));
        self.ask(command.query_async::<i64>(&mut connection)).await.is_some()
    }

    pub(super) async fn probe(&self) -> anyhow::Result<()> {
        let mut connection = self.connection.clone();
        let ping = redis::cmd("PING");
        timeout(LIMIT, ping.query_async::<()>(&mut connection)).await?.context("Redis is away")
    }

    /// Waits for an answer, not for long; notes when there is none.
    async fn ask<T>(&self, question: impl Future<Output = RedisResult<T>>) -> Option<T> {
        let error = match timeout(LIMIT, question).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        if !self.absence.is_noted() {
            tracing::warn!(error, "Redis did not answer; lookups go to MongoDB.");
        }
        self.absence.note();
        None
    }

    fn key(&self, code: ShortCode) -> String {
        format!("{}{code}", self.prefix)
    }
}
