//! What comes from the broker besides clicks to be counted.

pub mod accounts;
pub mod links;
pub mod live;
