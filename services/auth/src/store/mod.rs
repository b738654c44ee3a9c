//! Queries, one module per table. Nothing else speaks SQL.

pub mod attempts;
pub mod deletions;
pub mod known_networks;
pub mod refresh_tokens;
pub mod sessions;
pub mod signing_keys;
pub mod users;
