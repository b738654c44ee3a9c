//! Prints what was measured.

use std::fmt::Display;

/// Begins the report of one bench.
#[allow(clippy::print_stdout)]
pub(crate) fn title(text: &str) {
    println!("\n{text}");
}

/// Prints one figure with its name.
#[allow(clippy::print_stdout)]
pub(crate) fn figure(name: &str, value: impl Display) {
    println!("  {name:<52} {value}");
}

/// The median; `values` must not be empty.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
