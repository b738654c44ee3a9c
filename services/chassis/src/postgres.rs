//! What a failure of Postgres means.

use sqlx::Error;

/// Whether the database is away, rather than asked something wrong.
#[must_use]
pub fn is_away(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed => true,
        // Classes 08 (connection), 53 (resources), 57 (shutting down, cancelled), and failed
        // serialisations and deadlocks, which another try survives.
        Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "53", "57"].iter().any(|class| code.starts_with(class)) || code == "40001" || code == "40P01"
        }),
        _ => false,
    }
}

/// Whether the database refused because of the constraint or unique index with this name.
#[must_use]
pub fn is_violation_of(error: &Error, constraint: &str) -> bool {
    error.as_database_error().and_then(|error| error.constraint()) == Some(constraint)
}
