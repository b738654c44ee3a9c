//! Undoes a reservation.

use super::reserve::cause;
use super::{Inventory, now, tell};
use crate::domain::Items;
use crate::error::Error;
use crate::metrics as names;
use crate::store::operations::Record;
use crate::store::reservations::{self, Reservation};
use crate::store::stock;
use chassis::failpoint;
use chrono::{DateTime, Utc};
use contracts::command::checkout::ReleaseStock;
use contracts::rest::inventory::ReservationStatus as Status;
use sqlx::PgConnection;
use std::slice;
use uuid::Uuid;

impl Inventory {
    /// Frees what a step set aside, or takes back what has left with the order, and replies that it is
    /// done. A step that has not come yet is refused when it does.
    ///
    /// The reservation's status makes the command idempotent, as it does [`reserve`](Self::reserve).
    pub async fn release(&self, command: ReleaseStock) -> Result<(), Error> {
        let at = now();
        let mut tx = self.db.begin().await?;
        let records = match find_or_bury(&mut tx, &command, at).await? {
            Some(reservation) => undo(&mut tx, &reservation, at).await?,
            None => Vec::new(),
        };
        let mut messages = tell::events(&records, at)?;
        messages.push(tell::reply(command.step, tell::done())?);
        tx.enqueue_all(messages);
        failpoint!("inventory.release.after_outbox");
        tx.on_commit(move || {
            stock::count(&records);
            if !records.is_empty() {
                metrics::counter!(names::RESERVATIONS_ENDED, "outcome" => "released").increment(1);
            }
        });
        tx.commit().await?;
        failpoint!("inventory.release.after_commit");
        Ok(())
    }
}

/// The step's reservation, locked. Where there is none, leaves a tombstone.
async fn find_or_bury(
    connection: &mut PgConnection,
    command: &ReleaseStock,
    at: DateTime<Utc>,
) -> Result<Option<Reservation>, Error> {
    let (saga_id, step) = (command.step.saga_id, &command.step.step);
    loop {
        if let Some(reservation) = reservations::lock(connection, saga_id, step).await? {
            return Ok(Some(reservation));
        }
        let tombstone = Reservation {
            id: Uuid::now_v7(),
            saga_id,
            step: step.clone(),
            orders_order_id: command.orders_order_id,
            status: Status::Tombstone,
            items: Items::default(),
            refusal: None,
            expires_at: None,
            created_at: at,
            updated_at: at,
        };
        // It may have come meanwhile: then it is to be undone after all.
        if !reservations::insert(connection, slice::from_ref(&tombstone)).await?.is_empty() {
            failpoint!("inventory.release.after_tombstone");
            return Ok(None);
        }
    }
}

async fn undo(
    connection: &mut PgConnection,
    reservation: &Reservation,
    at: DateTime<Utc>,
) -> Result<Vec<Record>, Error> {
    let mut shelf = stock::lock(connection, &reservation.items.products()).await?;
    let status = shelf.release(reservation.status, &reservation.items)?;
    let records = cause(reservation, "released: the order was undone").of(shelf.take_changes());
    stock::write(connection, &records, at).await?;
    failpoint!("inventory.release.after_stock");
    if status != reservation.status {
        reservations::move_to(connection, &[reservation.id], status, at).await?;
        failpoint!("inventory.release.after_status");
    }
    Ok(records)
}
