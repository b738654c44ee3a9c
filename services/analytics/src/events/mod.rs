//! What comes from the broker besides clicks to be counted.

pub mod history;
pub mod links;
pub mod live;
