//! What comes from the broker, and what goes to it.

pub mod commands;
pub mod copies;
pub mod publish;
