//! Lets the pieces of a confirmed order leave.

use super::reserve::cause;
use super::{Inventory, now, tell};
use crate::error::Error;
use crate::metrics as names;
use crate::store::operations::Record;
use crate::store::reservations::{self, Reservation};
use crate::store::stock;
use chassis::failpoint;
use chrono::{DateTime, Utc};
use contracts::rest::inventory::{self as rest, ReservationStatus as Status};
use messaging::{Message, Outgoing};
use postgres::Inbox;
use sqlx::PgConnection;
use uuid::Uuid;

impl Inventory {
    /// Turns the reservations of confirmed orders into decreases, except for messages that were handled before. A
    /// reservation that has expired takes its pieces again; where they are gone it is short, and somebody must see to it.
    pub async fn fulfil(&self, confirmed: &[(Uuid, &Message)], inbox: &Inbox) -> Result<(), Error> {
        let at = now();
        let mut tx = self.db.begin().await?;
        let fresh = inbox.accept(&mut tx, confirmed.iter().map(|(_, message)| *message)).await?;
        let is_fresh = |message: &Message| fresh.iter().any(|fresh| fresh.id == message.id);
        let confirmed: Vec<_> = confirmed.iter().filter(|(_, message)| is_fresh(message)).collect();
        failpoint!("inventory.fulfil.after_inbox");
        // The saga of an order has the order's id.
        let sagas: Vec<_> = confirmed.iter().map(|(order, _)| *order).collect();
        let reservations = reservations::lock_sagas(&mut tx, &sagas).await?;
        let left = leave(&mut tx, reservations, at).await?;
        let mut told = Vec::new();
        for (order, message) in confirmed {
            for Departure { records, .. } in left.iter().filter(|left| left.reservation.saga_id == *order) {
                told.extend(message.scope(async { events(records, at) }).await?);
            }
        }
        tx.enqueue_all(told);
        failpoint!("inventory.fulfil.after_outbox");
        tx.on_commit(move || left.iter().for_each(Departure::report));
        tx.commit().await?;
        failpoint!("inventory.fulfil.after_commit");
        Ok(())
    }

    /// Lets the pieces of a short reservation leave after all, now that there are enough again. One that is fulfilled
    /// stays so.
    pub async fn fulfil_short(&self, id: Uuid) -> Result<rest::Reservation, Error> {
        let at = now();
        let mut tx = self.db.begin().await?;
        let mut reservation = reservations::lock_id(&mut tx, id).await?.ok_or(Error::UnknownReservation)?;
        match reservation.status {
            Status::Short => {}
            Status::Fulfilled => return Ok(reservation.into()),
            status => return Err(Error::NotShort(status)),
        }
        let left = leave(&mut tx, vec![reservation.clone()], at).await?;
        let Some(Departure { status: Status::Fulfilled, records, .. }) = left.first() else {
            return Err(Error::StillShort);
        };
        (reservation.status, reservation.updated_at) = (Status::Fulfilled, at);
        tx.enqueue_all(tell::events(records, at)?);
        tx.on_commit(move || left.iter().for_each(Departure::report));
        tx.commit().await?;
        Ok(reservation.into())
    }
}

/// A reservation whose pieces were to leave.
struct Departure {
    reservation: Reservation,
    status: Status,
    records: Vec<Record>,
}

impl Departure {
    fn report(&self) {
        stock::count(&self.records);
        if self.status == self.reservation.status {
            return;
        }
        metrics::counter!(names::RESERVATIONS_ENDED, "outcome" => self.status.into_str()).increment(1);
        if self.status == Status::Short {
            tracing::error!(
                order.id = %self.reservation.orders_order_id,
                reservation.id = %self.reservation.id,
                "An order was confirmed after its reservation had expired, and its pieces are gone: restock or cancel it."
            );
        }
    }
}

/// Moves the pieces of some reservations.
async fn leave(
    connection: &mut PgConnection,
    reservations: Vec<Reservation>,
    at: DateTime<Utc>,
) -> Result<Vec<Departure>, Error> {
    let products: Vec<_> = reservations.iter().flat_map(|reservation| reservation.items.products()).collect();
    let mut shelf = stock::lock(connection, &products).await?;
    let mut left = Vec::with_capacity(reservations.len());
    for reservation in reservations {
        let status = shelf.fulfil(reservation.status, &reservation.items)?;
        let records = cause(&reservation, "left with the confirmed order").of(shelf.take_changes());
        left.push(Departure { reservation, status, records });
    }
    stock::write(connection, left.iter().flat_map(|left| &left.records), at).await?;
    failpoint!("inventory.fulfil.after_stock");
    for status in [Status::Fulfilled, Status::Short] {
        let changed = left.iter().filter(|left| left.status == status && left.reservation.status != status);
        let ids: Vec<_> = changed.map(|left| left.reservation.id).collect();
        if !ids.is_empty() {
            reservations::move_to(connection, &ids, status, at).await?;
        }
    }
    failpoint!("inventory.fulfil.after_status");
    Ok(left)
}

fn events(records: &[Record], at: DateTime<Utc>) -> serde_json::Result<Vec<Outgoing>> {
    Ok(tell::events(records, at)?.into_iter().map(Outgoing::with_origin).collect())
}
