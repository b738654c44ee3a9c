//! How long each of ours waits for the next one, from the inside out. Whoever is further in gives up first, so that
//! whoever is further out still hears what happened, and a client is rarely left without an answer.
//!
//! | who waits | for what | how long |
//! | --- | --- | --- |
//! | a service | a connection to its store | [`CONNECTION`] |
//! | a service | one statement, query or transaction | [`STATEMENT`] |
//! | a service | its whole answer to a request | [`REQUEST`] |
//! | the gateway | a service's answer to a write | [`WRITE`] |
//! | the gateway | its whole answer to a request | [`DOOR`] |
//! | a client | the gateway | [`CLIENT`], or longer |
//!
//! Reads are given up sooner: for them the gateway has limits of its own for each service. A read that is given up has
//! no outcome that anybody must know.

use std::time::Duration;

/// A connection to a store, new or from the pool.
pub const CONNECTION: Duration = Duration::from_secs(2);
/// One statement, query or transaction at a store.
pub const STATEMENT: Duration = Duration::from_secs(5);
/// A service's answer to a request.
pub const REQUEST: Duration = Duration::from_secs(8);
/// A service's answer to a write, as the gateway waits for it.
pub const WRITE: Duration = Duration::from_secs(10);
/// The gateway's answer to a request.
pub const DOOR: Duration = Duration::from_secs(20);
/// What clients should wait at least.
pub const CLIENT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_further_in_gives_up_first() {
        let inside_out = [CONNECTION + STATEMENT, REQUEST, WRITE, DOOR, CLIENT];
        assert!(inside_out.is_sorted_by(|inner, outer| *inner + Duration::from_millis(500) < *outer));
    }
}
