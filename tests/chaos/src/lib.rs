//! Load that goes on while things are killed, and keeps the books of what was answered.
//!
//! * [`shop`]: products, buyers, and what they order; [`rush`]: their orders, at a steady rate;
//!   [`purchase`]: one order, placed and maybe called off.
//! * [`books`]: what must be true of all orders afterwards, read from the databases; [`money`]: the same of money, read
//!   from the payment provider, too.
//! * [`visitors`]: redirects at a steady rate; counts what was answered and what may have been.
//! * [`merchant`]: links that are made over and over with idempotency keys, repeated until answered.
//! * [`owners`]: reads of owners at a steady rate, whatever they are answered.
//! * [`probes`]: clients of every kind through the gateway, and what they are answered.
//! * [`victim`]: what is killed, or hangs.
//! * [`cables`]: the network between them, which can be slow.
//! * [`ledger`]: what the services say afterwards.

pub mod books;
pub mod cables;
pub mod ledger;
pub mod merchant;
pub mod money;
pub mod owners;
pub mod probes;
pub mod purchase;
pub mod rush;
pub mod shop;
pub mod victim;
pub mod visitors;

use std::time::Duration;

/// How long one request may take before the load gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A client that never follows redirects and gives up after [`PATIENCE`].
pub(crate) fn client() -> reqwest::Client {
    chassis::client::new()
}
