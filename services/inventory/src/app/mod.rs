//! The use cases: one per module, one transaction each, with the outbox in it.

mod change_product;
mod change_stock;
mod expire;
mod fulfil;
mod purge;
mod read;
mod rebuild;
mod release;
mod reserve;
mod tell;

use crate::config::Reservations;
pub use change_product::{NewProduct, ProductChange};
use chrono::{DateTime, SubsecRound, Utc};
use postgres::Db;

/// Products, their stock, and reservations of it. Clones are the same.
#[derive(Clone)]
pub struct Inventory {
    db: Db,
    reservations: Reservations,
}

impl Inventory {
    #[must_use]
    pub fn new(db: Db, reservations: Reservations) -> Self {
        // There from the start: the alert on their growth sees the first difference, too.
        for field in ["on_hand", "reserved", "operations", "version", "open_reservations"] {
            let _ = metrics::counter!(crate::metrics::DIFFERENCES, "field" => field);
        }
        Self { db, reservations }
    }
}

/// Now, as exactly as the database keeps it.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
