//! Names of the metrics that __name__ reports. Those of HTTP, tasks and messaging are the libraries'.

/// Counts notes that were written.
pub const WRITTEN: &str = "__name___notes_written_total";
