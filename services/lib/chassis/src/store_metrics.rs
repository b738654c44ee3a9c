//! The names of the metrics that every store has, with the label `store` (`postgres`, `mongodb`, `redis`, `clickhouse`).

/// How long statements take, by `statement`, in seconds. A statement is named after what it does, and to which table,
/// collection or key: `INSERT orders`, `find links`.
pub const DURATION: &str = "store_statement_seconds";
/// Statements that failed, by `statement`.
pub const ERRORS: &str = "store_statement_errors_total";
/// Connections by `state` (`used`, `idle`), and in state `waited_for` how many callers wait for one.
pub const CONNECTIONS: &str = "store_connections";
