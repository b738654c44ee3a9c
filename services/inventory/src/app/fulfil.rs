//! Lets the pieces of a confirmed order leave.

use super::{Inventory, now, reserve::cause, tell};
use crate::{
    error::Error,
    metrics as names,
    store::{
        operations::Record,
        reservations::{self, Reservation},
        stock,
    },
};
use chassis::{
    failpoint,
    messaging::{Message, inbox::postgres::Inbox, outbox},
};
use chrono::{DateTime, Utc};
use contracts::rest::inventory::{Reservation as Seen, ReservationStatus as Status};
use sqlx::PgConnection;
use uuid::Uuid;

impl Inventory {
    /// Turns the reservations of a confirmed order into decreases. One that has expired takes its
    /// pieces again; where they are gone it is short, and somebody must see to it.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn fulfil(&self, order: Uuid, inbox: &Inbox, message: &Message) -> Result<(), Error> {
        let at = now();
        let mut tx = self.pool.begin().await?;
        if !inbox.accept(&mut tx, message).await? {
            return Ok(());
        }
        failpoint!("inventory.fulfil.after_inbox");
        // The saga of an order has the order's id.
        let reservations = reservations::lock_saga(&mut tx, order).await?;
        let (records, ended) = leave(&mut tx, reservations, at).await?;
        outbox::postgres::enqueue_all(&mut tx, tell::events(&records, at)?).await?;
        failpoint!("inventory.fulfil.after_outbox");
        outbox::postgres::commit(tx).await?;
        failpoint!("inventory.fulfil.after_commit");
        stock::count(&records);
        for (reservation, status) in ended {
            report(&reservation, status);
        }
        Ok(())
    }

    /// Lets the pieces of a short reservation leave after all, now that there are enough again. One that is fulfilled
    /// stays so.
    ///
    /// # Errors
    /// [`Error::UnknownReservation`]; [`Error::NotShort`]; [`Error::StillShort`].
    pub async fn fulfil_short(&self, id: Uuid) -> Result<Seen, Error> {
        let at = now();
        let mut tx = self.pool.begin().await?;
        let mut reservation = reservations::lock_id(&mut tx, id).await?.ok_or(Error::UnknownReservation)?;
        match reservation.status {
            Status::Short => {}
            Status::Fulfilled => return Ok(reservation.into()),
            status => return Err(Error::NotShort(status)),
        }
        let (records, ended) = leave(&mut tx, vec![reservation.clone()], at).await?;
        (reservation.status, reservation.updated_at) = match ended.first() {
            Some((_, status)) => (*status, at),
            None => return Err(Error::StillShort),
        };
        outbox::postgres::enqueue_all(&mut tx, tell::events(&records, at)?).await?;
        outbox::postgres::commit(tx).await?;
        stock::count(&records);
        report(&reservation, reservation.status);
        Ok(reservation.into())
    }
}

/// Moves the pieces of some reservations; says what was done, and which of them stand elsewhere now.
async fn leave(
    connection: &mut PgConnection,
    reservations: Vec<Reservation>,
    at: DateTime<Utc>,
) -> Result<(Vec<Record>, Vec<(Reservation, Status)>), Error> {
    let products: Vec<_> = reservations.iter().flat_map(|reservation| reservation.items.products()).collect();
    let mut shelf = stock::lock(connection, &products).await?;
    let (mut records, mut ended) = (Vec::new(), Vec::new());
    for reservation in reservations {
        let status = shelf.fulfil(reservation.status, &reservation.items)?;
        records.extend(cause(&reservation, "left with the confirmed order").of(shelf.take_changes()));
        if status != reservation.status {
            ended.push((reservation, status));
        }
    }
    stock::write(connection, &records, at).await?;
    failpoint!("inventory.fulfil.after_stock");
    for (reservation, status) in &ended {
        reservations::move_to(connection, &[reservation.id], *status, at).await?;
    }
    failpoint!("inventory.fulfil.after_status");
    Ok((records, ended))
}

fn report(reservation: &Reservation, status: Status) {
    metrics::counter!(names::RESERVATIONS_ENDED, "outcome" => status.as_str()).increment(1);
    if status == Status::Short {
        tracing::error!(
            order.id = %reservation.orders_order_id,
            reservation.id = %reservation.id,
            "An order was confirmed after its reservation had expired, and its pieces are gone: restock or cancel it."
        );
    }
}
