//! Sets stock aside for an order.

use super::{Inventory, now, tell};
use crate::{
    domain::Items,
    error::Error,
    metrics as names,
    store::{
        operations::{Cause, Record, SagaCause},
        reservations::{self, Reservation},
        stock,
    },
};
use anyhow::Context as _;
use chassis::{failpoint, messaging::outbox};
use contracts::{
    command::{
        Outcome,
        checkout::{ReserveStock, StockReservedAnswer},
    },
    rest::inventory::ReservationStatus as Status,
};
use sqlx::PgConnection;
use uuid::Uuid;

/// What became of a command.
struct Settled {
    records: Vec<Record>,
    outcome: Outcome,
    metric: &'static str,
}

impl Inventory {
    /// Sets all items aside, or none, and replies.
    ///
    /// The reservation's row, unique by saga and step, is what makes the command idempotent: one that
    /// comes again finds it and is told what was told before. So commands have no entries in the inbox.
    ///
    /// # Errors
    /// [`Error::Malformed`] when nothing is wanted; fails when the database does.
    pub async fn reserve(&self, command: ReserveStock) -> Result<(), Error> {
        let items = Items::parse(&command.items).map_err(Error::Malformed)?;
        let at = now();
        let reservation = Reservation {
            id: Uuid::now_v7(),
            saga_id: command.step.saga_id,
            step: command.step.step.clone(),
            orders_order_id: command.orders_order_id,
            status: Status::Open,
            items,
            refusal: None,
            expires_at: Some(at + self.reservations.life()),
            created_at: at,
            updated_at: at,
        };
        let mut tx = self.pool.begin().await?;
        let Settled { records, outcome, metric } = if reservations::insert(&mut tx, &reservation).await? {
            failpoint!("inventory.reserve.after_claim");
            set_aside(&mut tx, &reservation).await?
        } else {
            let earlier = reservations::lock(&mut tx, reservation.saga_id, &reservation.step).await?;
            repeated(earlier.context("a reservation that was there is gone")?)?
        };
        let mut messages = tell::events(&records, at)?;
        messages.push(tell::reply(command.step, outcome)?);
        outbox::postgres::enqueue_all(&mut tx, messages).await?;
        failpoint!("inventory.reserve.after_outbox");
        outbox::postgres::commit(tx).await?;
        failpoint!("inventory.reserve.after_commit");
        stock::count(&records);
        metrics::counter!(names::RESERVATIONS, "outcome" => metric).increment(1);
        Ok(())
    }
}

/// Decides on a new reservation, with its products locked.
async fn set_aside(connection: &mut PgConnection, reservation: &Reservation) -> Result<Settled, Error> {
    let mut shelf = stock::lock(connection, &reservation.items.products()).await?;
    let decision = shelf.reserve(&reservation.items);
    let records = cause(reservation, "reserved for an order").of(shelf.take_changes());
    stock::write(connection, &records, reservation.created_at).await?;
    failpoint!("inventory.reserve.after_stock");
    match decision {
        Ok(()) => Ok(Settled { records, outcome: reserved(reservation.id)?, metric: "reserved" }),
        Err(refusal) => {
            reservations::refuse(connection, reservation.id, &refusal).await?;
            failpoint!("inventory.reserve.after_refusal");
            let (metric, code) = (refusal.code, refusal.code.to_owned());
            Ok(Settled { records, outcome: Outcome::Refused { code, message: refusal.message }, metric })
        }
    }
}

/// What was told before, or that it was undone.
fn repeated(earlier: Reservation) -> Result<Settled, Error> {
    let (outcome, metric) = match (earlier.status, earlier.refusal) {
        (Status::Refused, Some((code, message))) => (Outcome::Refused { code, message }, "repeated"),
        (Status::Tombstone | Status::Released, _) => {
            let message = "The step was undone.".to_owned();
            (Outcome::Refused { code: "undone".to_owned(), message }, "undone")
        }
        _ => (reserved(earlier.id)?, "repeated"),
    };
    Ok(Settled { records: Vec::new(), outcome, metric })
}

fn reserved(reservation_id: Uuid) -> Result<Outcome, Error> {
    Ok(Outcome::Done { answer: serde_json::to_value(StockReservedAnswer { reservation_id })? })
}

/// Why a reservation moves stock.
pub(super) fn cause(reservation: &Reservation, reason: &str) -> Cause {
    let (saga_id, step, reservation_id) = (reservation.saga_id, reservation.step.clone(), reservation.id);
    Cause { reason: reason.to_owned(), saga: Some(SagaCause { saga_id, step, reservation_id }), actor: None }
}
