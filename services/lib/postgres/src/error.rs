//! What a failure of the database means.

use chassis::http::Failure;
use sqlx::Error;

/// Classes of SQLSTATEs that tell of the database's state: connection, a log-in that it does not take (a password or role
/// that is being changed), resources (a full disk, no free connection), shutting down or cancelled by a time limit, and
/// failures of the system below it.
const STATES: [&str; 5] = ["08", "28", "53", "57", "58"];

/// Further SQLSTATEs that another try may not meet: failed serialisations, deadlocks, locks that were not had in time,
/// a database that only reads (as during a failover), and transactions that the database ended because they were
/// [left alone](LEFT_ALONE) or took too long.
const PASSING: [&str; 6] = ["40001", "40P01", "55P03", "25006", "25P03", "25P04"];

/// Makes a [`Code::Unavailable`](contracts::problem::Code) where a database that is away is among the causes, else a
/// `Code::Internal`; `cause` is logged and not told.
pub fn failure(cause: impl Into<anyhow::Error>) -> Failure {
    Failure::of_store(cause, is_away)
}

/// Whether the database is away or cannot do its work for the moment, rather than asked something wrong: another try may
/// succeed. [`failure`] asks this, so that handlers need not.
#[must_use]
pub fn is_away(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed => true,
        Error::Database(error) => error
            .code()
            .is_some_and(|code| STATES.iter().any(|class| code.starts_with(class)) || PASSING.contains(&&*code)),
        _ => false,
    }
}

/// Whether the database refused because of the constraint or unique index with this name.
#[must_use]
pub fn is_violation_of(error: &Error, constraint: &str) -> bool {
    error.as_database_error().and_then(|error| error.constraint()) == Some(constraint)
}
