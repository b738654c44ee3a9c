//! The Redis of everything but limits. The gateway works without it.

use breaker::{Breaker, Outcome, Recovery, Registry};
use chassis::config;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use secrecy::ExposeSecret;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long a request waits for Redis.
const PATIENCE: Duration = Duration::from_millis(150);

/// When our own timer is later than this, the machine is overloaded, not Redis.
const LATE: Duration = Duration::from_millis(50);

/// Redis behind a breaker: while it is away, nobody waits for it.
#[derive(Clone)]
pub struct Store {
    connection: ConnectionManager,
    prefix: String,
    breaker: Breaker,
}

impl Store {
    pub fn new(config: &config::Redis, breakers: &Registry) -> anyhow::Result<Self> {
        // No probe asks Redis: after a pause, the next call tries.
        let recovery = Recovery::Pause { base: Duration::from_secs(1), longest: Duration::from_secs(10) };
        let breaker = breakers.breaker("redis", &["all"], recovery);
        Ok(Self { connection: connect(config, "redis.url")?, prefix: config.prefix.clone(), breaker })
    }

    /// Adds the prefix to a key.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Runs commands. Returns `None` when Redis is away or fails.
    pub async fn ask<T, F>(&self, work: impl FnOnce(ConnectionManager) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        self.ask_for(PATIENCE, work).await
    }

    /// Like [`ask`](Self::ask), for no longer than `patience`.
    pub async fn ask_for<T, F>(&self, patience: Duration, work: impl FnOnce(ConnectionManager) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let permit = self.breaker.acquire(0, "").ok()?;
        let began = Instant::now();
        let (outcome, error) = match timeout(patience, work(self.connection.clone())).await {
            Ok(Ok(value)) => {
                permit.finish(Outcome::Success);
                return Some(value);
            }
            Ok(Err(error)) => (blame(&error), error.to_string()),
            // A process that gets no time finds every answer late.
            Err(_) if began.elapsed() > patience + LATE => (Outcome::Neutral, "we were late ourselves".to_owned()),
            // A shorter wait than usual says nothing about Redis.
            Err(_) if patience < PATIENCE => (Outcome::Neutral, "it took too long for this".to_owned()),
            Err(_) => (Outcome::Failure, "it took too long".to_owned()),
        };
        permit.finish(outcome);
        tracing::warn!(error, "Redis could not be asked.");
        None
    }

    /// Pings Redis, whatever its breaker says.
    pub async fn ping(&self) -> anyhow::Result<()> {
        let mut connection = self.connection.clone();
        let ping = redis::cmd("PING");
        timeout(Duration::from_secs(1), ping.query_async::<String>(&mut connection)).await??;
        Ok(())
    }
}

/// Prepares a connection, which is made when it is first needed. `setting` names the URL in the error.
pub(crate) fn connect(config: &config::Redis, setting: &str) -> anyhow::Result<ConnectionManager> {
    let client =
        Client::open(config.url.expose_secret()).map_err(|_| anyhow::anyhow!("{setting} is not a Redis URL"))?;
    let settings = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_connection_timeout(Some(Duration::from_secs(1)))
        .set_response_timeout(Some(Duration::from_secs(1)));
    Ok(ConnectionManager::new_lazy_with_config(client, settings)?)
}

/// Judges Redis by an error. A Redis that refuses a command is well.
fn blame(error: &RedisError) -> Outcome {
    use ServerErrorKind::{ExecAbort, NoPerm, NoScript, ResponseError};
    match error.kind() {
        ErrorKind::Server(ResponseError | ExecAbort | NoPerm | NoScript) => Outcome::Neutral,
        _ => Outcome::Failure,
    }
}
