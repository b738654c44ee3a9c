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
use chassis::failpoint;
use chrono::{DateTime, Utc};
use contracts::{
    command::{
        Outcome, StepRef,
        checkout::{ReserveStock, StockReservedAnswer},
    },
    rest::inventory::ReservationStatus as Status,
};
use messaging::{Message, Outgoing};
use postgres::Tx;
use sqlx::PgConnection;
use uuid::Uuid;

/// What became of a command.
struct Settled {
    records: Vec<Record>,
    outcome: Outcome,
    metric: &'static str,
}

impl Settled {
    /// What is told of it: events of products, and the reply.
    fn messages(&self, step: StepRef, at: DateTime<Utc>) -> serde_json::Result<Vec<Outgoing>> {
        let mut messages = tell::events(&self.records, at)?;
        messages.push(tell::reply(step, self.outcome.clone())?);
        Ok(messages.into_iter().map(Outgoing::with_origin).collect())
    }

    /// Counts it, once it is committed.
    fn count(&self) {
        stock::count(&self.records);
        metrics::counter!(names::RESERVATIONS, "outcome" => self.metric).increment(1);
    }
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
        let at = now();
        let wanted = [self.opened(&command, at)?];
        let mut tx = self.db.begin().await?;
        let settled = if reservations::insert(&mut tx, &wanted).await? {
            failpoint!("inventory.reserve.after_claim");
            set_aside(&mut tx, &wanted, at).await?
        } else {
            let earlier = reservations::lock(&mut tx, command.step.saga_id, &command.step.step).await?;
            vec![repeated(earlier.context("a reservation that was there is gone")?)?]
        };
        let told = settled.iter().map(|settled| settled.messages(command.step.clone(), at));
        let told: Vec<_> = told.collect::<Result<_, _>>()?;
        conclude(tx, told.into_iter().flatten().collect(), settled).await
    }

    /// Does what [`reserve`](Self::reserve) does for several commands, in their order; `false` when one of them came
    /// before, and nothing was done.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub async fn reserve_together(&self, commands: Vec<(&Message, ReserveStock)>) -> Result<bool, Error> {
        let at = now();
        let wanted = commands.iter().map(|(_, command)| self.opened(command, at)).collect::<Result<Vec<_>, _>>()?;
        let mut tx = self.db.begin().await?;
        if !reservations::insert(&mut tx, &wanted).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        failpoint!("inventory.reserve.after_claim");
        let settled = set_aside(&mut tx, &wanted, at).await?;
        let mut told = Vec::new();
        for ((message, command), settled) in commands.into_iter().zip(&settled) {
            told.extend(message.scope(async { settled.messages(command.step, at) }).await?);
        }
        conclude(tx, told, settled).await?;
        Ok(true)
    }

    /// The reservation that a command is to make.
    fn opened(&self, command: &ReserveStock, at: DateTime<Utc>) -> Result<Reservation, Error> {
        Ok(Reservation {
            id: Uuid::now_v7(),
            saga_id: command.step.saga_id,
            step: command.step.step.clone(),
            orders_order_id: command.orders_order_id,
            status: Status::Open,
            items: Items::parse(&command.items).map_err(Error::Malformed)?,
            refusal: None,
            expires_at: Some(at + self.reservations.life()),
            created_at: at,
            updated_at: at,
        })
    }
}

async fn conclude(mut tx: Tx, told: Vec<Outgoing>, settled: Vec<Settled>) -> Result<(), Error> {
    tx.enqueue_all(told).await?;
    failpoint!("inventory.reserve.after_outbox");
    tx.on_commit(move || settled.iter().for_each(Settled::count));
    tx.commit().await?;
    failpoint!("inventory.reserve.after_commit");
    Ok(())
}

/// Decides on new reservations, one after the other, with their products locked.
async fn set_aside(
    connection: &mut PgConnection,
    wanted: &[Reservation],
    at: DateTime<Utc>,
) -> Result<Vec<Settled>, Error> {
    let products: Vec<_> = wanted.iter().flat_map(|reservation| reservation.items.products()).collect();
    let mut shelf = stock::lock(connection, &products).await?;
    let (mut settled, mut refused) = (Vec::with_capacity(wanted.len()), Vec::new());
    for reservation in wanted {
        let decision = shelf.reserve(&reservation.items);
        let records = cause(reservation, "reserved for an order").of(shelf.take_changes());
        let (outcome, metric) = match decision {
            Ok(()) => (reserved(reservation.id)?, "reserved"),
            Err(refusal) => {
                let (metric, code, message) = (refusal.code, refusal.code.to_owned(), refusal.message.clone());
                refused.push((reservation.id, refusal));
                (Outcome::Refused { code, message }, metric)
            }
        };
        settled.push(Settled { records, outcome, metric });
    }
    stock::write(connection, settled.iter().flat_map(|settled| &settled.records), at).await?;
    failpoint!("inventory.reserve.after_stock");
    for (id, refusal) in &refused {
        reservations::refuse(connection, *id, refusal).await?;
        failpoint!("inventory.reserve.after_refusal");
    }
    Ok(settled)
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
