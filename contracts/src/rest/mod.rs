//! Requests and answers of every service's REST API, by owner. JSON names are in snake case.

pub mod analytics;
pub mod auth;
pub mod inventory;
pub mod orders;
pub mod payments;
pub mod sagas;
pub mod shortener;
