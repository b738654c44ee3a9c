//! The data of every event, by owner.

pub mod auth;
pub mod shortener;

/// Every event type that exists, for bindings, documentation and tests.
pub const TYPES: &[&str] = &[
    "auth.user.registered",
    "shortener.url.created",
    "shortener.url.updated",
    "shortener.url.deleted",
    "shortener.url.clicked",
];
