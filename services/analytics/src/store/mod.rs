//! ClickHouse: queries only.

pub mod clicks;
pub mod detachments;
pub mod export;
pub mod ingestion;
pub mod links;
pub mod migrations;
pub mod stats;

use crate::config::Clickhouse;
use crate::metrics;
use clickhouse::error::Error;
use clickhouse::query::Query;
use clickhouse::{Client, Compression, Row, RowOwned, RowRead, RowWrite};
use contracts::patience::{CONNECTION, STATEMENT};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::ExposeSecret;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long a connection is kept unused: less than the server's three seconds.
const IDLE_LIMIT: Duration = Duration::from_secs(2);

/// The database of analytics. Cheap to clone; connects when needed.
#[derive(Clone)]
pub struct Database {
    client: Client,
}

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or does not answer in time: another try may succeed.
    #[error("ClickHouse is not available")]
    Unavailable(#[source] Error),
    /// It is well and has too much work: another try may succeed, later.
    #[error("ClickHouse is busy")]
    Busy(#[source] Error),
    /// It refused the statement, or answered what we cannot read.
    #[error("ClickHouse refused a statement")]
    Refused(#[source] Error),
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Network(_) | Error::TimedOut => Self::Unavailable(error),
            Error::BadResponse(text) => match code(text) {
                Some(code) if BUSY.contains(&code) => Self::Busy(error),
                Some(code) if !PASSING.contains(&code) => Self::Refused(error),
                // What has no code is not ClickHouse speaking at all.
                _ => Self::Unavailable(error),
            },
            _ => Self::Refused(error),
        }
    }
}

/// The code of an error of the server.
fn code(text: &str) -> Option<u32> {
    text.strip_prefix("Code: ").and_then(|rest| rest.split('.').next()?.parse().ok())
}

/// Codes of a server that is too slow, or has too many queries or parts, no thread or no memory.
const BUSY: [u32; 8] = [159, 160, 173, 202, 241, 252, 439, 745];

/// Codes of a server that another try may find otherwise.
const PASSING: [u32; 21] = [
    74, 75, 164, 242, 243, // no disk, or one that fails; tables or a server that only read
    192, 193, 194, 516, // a log-in that it does not take
    203, 209, 210, 236, 279, 394, // going down, cancelled, or not reached
    225, 285, 286, 289, 319, 999, // too few replicas, or no keeper
];

impl Database {
    /// Names a database; opens no connection yet.
    pub fn open(config: &Clickhouse) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECTION));
        connector.set_nodelay(true);
        let http = Http::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_LIMIT).build(connector);
        let client = Client::with_http_client(http)
            .with_url(config.url.as_str().trim_end_matches('/'))
            .with_database(&config.database)
            .with_user(&config.user)
            .with_password(config.password.expose_secret())
            .with_compression(Compression::None);
        Self { client }
    }

    /// Succeeds when the database answers, for readiness.
    pub async fn probe(self) -> anyhow::Result<()> {
        let one = self.rows::<u8>("probe", self.client.query_raw("SELECT 1")).await?;
        anyhow::ensure!(one == [1], "ClickHouse does not count to one");
        Ok(())
    }

    /// Asks, for at most [`STATEMENT`]; `what` labels the measurement.
    async fn rows<T: RowOwned + RowRead>(&self, what: &'static str, query: Query) -> Result<Vec<T>, StoreError> {
        let query = query.with_setting("max_execution_time", STATEMENT.as_secs().to_string());
        measured(what, STATEMENT, query.fetch_all::<T>()).await
    }

    async fn insert<T>(&self, table: &'static str, rows: &[T]) -> Result<(), StoreError>
    where
        T: for<'a> Row<Value<'a> = T> + RowWrite,
    {
        let work = async {
            let mut insert = self.client.insert::<T>(table).await?;
            for row in rows {
                insert.write(row).await?;
            }
            insert.end().await
        };
        measured("insert", STATEMENT, work).await
    }

    /// Runs a statement that answers nothing.
    async fn run(&self, what: &'static str, limit: Duration, statement: &str) -> Result<(), StoreError> {
        measured(what, limit, self.client.query_raw(statement).execute()).await
    }
}

async fn measured<T>(
    what: &'static str,
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, StoreError> {
    let began = Instant::now();
    let outcome = timeout(limit, work).await.unwrap_or(Err(Error::TimedOut));
    let label = if outcome.is_ok() { "done" } else { "failed" };
    ::metrics::histogram!(metrics::QUERY_SECONDS, "query" => what, "outcome" => label)
        .record(began.elapsed().as_secs_f64());
    Ok(outcome?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chassis::http::Failure;
    use contracts::problem::Code;
    use rstest::rstest;

    #[rstest]
    #[case("Code: 241. DB::Exception: Memory limit exceeded", Code::Overloaded)]
    #[case("Code: 252. DB::Exception: Too many parts", Code::Overloaded)]
    #[case("Code: 202. DB::Exception: Too many simultaneous queries", Code::Overloaded)]
    #[case("Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space", Code::Unavailable)]
    #[case("Code: 164. DB::Exception: Cannot execute query in readonly mode", Code::Unavailable)]
    #[case("Code: 516. DB::Exception: Authentication failed", Code::Unavailable)]
    #[case("502 Bad Gateway", Code::Unavailable)]
    #[case("Code: 60. DB::Exception: Table does not exist", Code::Internal)]
    #[case("Code: 62. DB::Exception: Syntax error", Code::Internal)]
    fn load_absence_and_mistakes_are_told_apart(#[case] text: &str, #[case] told: Code) {
        let failure = Failure::from(StoreError::from(Error::BadResponse(text.to_owned())));
        assert_eq!(failure.code(), told);
        assert_eq!(failure.problem().retry_after_ms.is_some(), told != Code::Internal);
    }
}
