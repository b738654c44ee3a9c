//! The copy in Redis, which all instances share. Everything here may fail: then one does without.

use super::absence::Absence;
use super::entry::{Entry, encode_change};
use crate::domain::ShortCode;
use anyhow::Context as _;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, RedisResult};
use secrecy::ExposeSecret;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long Redis may take for an answer.
const LIMIT: Duration = Duration::from_millis(250);
/// For how long an unknown code is remembered: short, so that invented codes do not fill the cache.
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
        let connection =
            ConnectionManager::new_lazy_with_config(client.clone(), settings).context("redis.url is not usable")?;
        Ok(Self {
            client,
            connection,
            channel: format!("{}changes", config.prefix),
            prefix: format!("{}link:", config.prefix),
            kept,
            absence: Arc::default(),
        })
    }

    /// The entry of a code, if there is one and Redis answers.
    pub(super) async fn get(&self, code: ShortCode) -> Option<Entry> {
        if !self.absence.may_ask() {
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

    /// Writes an entry, unless a later one is there.
    pub(super) async fn put(&self, code: ShortCode, entry: &[u8]) {
        let mut connection = self.connection.clone();
        let command = self.put_command(code, entry);
        self.ask(command.query_async::<i64>(&mut connection)).await;
    }

    fn put_command(&self, code: ShortCode, entry: &[u8]) -> Cmd {
        let is_nothing = entry.iter().take(8).all(|byte| *byte == 0);
        let kept = if is_nothing { UNKNOWN_KEPT } else { self.kept };
        let millis = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("EVAL");
        command.arg(PUT).arg(1).arg(self.key(code)).arg(entry).arg(millis);
        command
    }

    /// Writes changes and tells every instance, in one round trip. When Redis does not answer, goes
    /// on trying for as long as what stands there may be old.
    pub(super) async fn announce(&self, changes: &[(ShortCode, Arc<Entry>)]) {
        if self.tell(changes).await {
            return;
        }
        let (shared, changes) = (self.clone(), changes.to_vec());
        tokio::spawn(async move {
            let until = Instant::now() + shared.kept;
            while Instant::now() < until {
                sleep(Duration::from_secs(1)).await;
                if shared.tell(&changes).await {
                    return;
                }
            }
        });
    }

    async fn tell(&self, changes: &[(ShortCode, Arc<Entry>)]) -> bool {
        let mut all = redis::pipe();
        for (code, entry) in changes {
            let bytes = entry.encode();
            all.add_command(self.put_command(*code, &bytes)).ignore();
            all.cmd("PUBLISH").arg(&self.channel).arg(encode_change(*code, &bytes)).ignore();
        }
        let mut connection = self.connection.clone();
        self.ask(all.query_async::<()>(&mut connection)).await.is_some()
    }

    pub(super) async fn probe(&self) -> anyhow::Result<()> {
        let mut connection = self.connection.clone();
        let ping = redis::cmd("PING");
        timeout(LIMIT, ping.query_async::<()>(&mut connection)).await?.context("Redis is away")
    }

    /// Waits briefly for Redis' answer; notes when it does not come.
    async fn ask<T>(&self, question: impl Future<Output = RedisResult<T>>) -> Option<T> {
        let error = match timeout(LIMIT, question).await {
            Ok(Ok(answer)) => {
                self.absence.clear();
                return Some(answer);
            }
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
