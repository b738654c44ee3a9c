//! What comes from the broker.

pub mod commands;
pub mod copies;
