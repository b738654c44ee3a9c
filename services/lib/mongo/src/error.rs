//! What a failure of the database means.

use chassis::http::Failure;
use mongodb::error::{Error, ErrorKind, RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR, WriteFailure};

/// Codes of a server that another try may find otherwise.
const PASSING: &[i32] = &[
    // Not reached, or not in time.
    6, 7, 24, 50, 89, 202, 262, 9_001, 46_841,
    // No primary, or one that is starting, stepping down or shutting down.
    91, 133, 189, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436, // A write concern that too few members meet.
    64, 75, 100,
    // No disk, no memory, writes blocked by an administrator, or a conflict with another's write.
    112, 146, 365, 371, 14_031,
];

/// Makes a [`Code::Unavailable`](contracts::problem::Code) where a database that is away is among the causes, else a
/// `Code::Internal`; `cause` is logged and not told.
pub fn failure(cause: impl Into<anyhow::Error>) -> Failure {
    Failure::of_store(cause, is_away)
}

/// Whether the database is away or cannot do its work for the moment, rather than asked something wrong: another try may
/// succeed. [`failure`] asks this, so that handlers need not.
#[must_use]
pub fn is_away(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Io(_)
        // A password that is being changed.
        | ErrorKind::Authentication { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. } => true,
        _ => {
            let labels = [TRANSIENT_TRANSACTION_ERROR, RETRYABLE_WRITE_ERROR];
            labels.iter().any(|label| error.contains_label(label))
                || code(error).is_some_and(|code| PASSING.contains(&code))
        }
    }
}

/// The code of the server's complaint, if it is one.
#[must_use]
pub fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        ErrorKind::InsertMany(many) => {
            let write = many.write_errors.iter().flatten().next().map(|write| write.code);
            write.or(many.write_concern_error.as_ref().map(|concern| concern.code))
        }
        _ => None,
    }
}
