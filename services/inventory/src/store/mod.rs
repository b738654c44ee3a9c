//! The queries, by table.

pub mod operations;
pub mod products;
pub mod rebuild;
pub mod reservations;
pub mod stock;

/// A count or version as Postgres keeps it: never below zero.
pub(crate) fn unsigned(number: i64) -> u64 {
    number.unsigned_abs()
}

/// A number of pieces: written from one.
pub(crate) fn pieces(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
