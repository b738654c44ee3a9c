//! Sets stock aside for an order.

use super::{Inventory, now, tell};
use crate::domain::Items;
use crate::error::Error;
use crate::metrics as names;
use crate::store::operations::{Cause, Record, SagaCause};
use crate::store::reservations::{self, Reservation};
use crate::store::stock;
use anyhow::Context as _;
use chassis::{Scope, failpoint};
use chrono::{DateTime, Utc};
use contracts::command::checkout::{ReserveStock, StockReservedAnswer};
use contracts::command::{Outcome, StepRef};
use contracts::rest::inventory::ReservationStatus as Status;
use messaging::Outgoing;
use postgres::Tx;
use sqlx::PgConnection;
use uuid::Uuid;

struct Decision {
    records: Vec<Record>,
    outcome: Outcome,
    metric: &'static str,
}

impl Decision {
    /// What is told of it: events of products, and the reply.
    fn messages(&self, step: StepRef, at: DateTime<Utc>) -> serde_json::Result<Vec<Outgoing>> {
        let mut messages = tell::events(&self.records, at)?;
        messages.push(tell::reply(step, self.outcome.clone())?);
        Ok(messages.into_iter().map(Outgoing::with_origin).collect())
    }

    fn count(&self) {
        stock::count(&self.records);
        metrics::counter!(names::RESERVATIONS, "outcome" => self.metric).increment(1);
    }
}

impl Inventory {
    /// Sets all items of each command aside, or none of it, in the order of the commands, and replies.
    ///
    /// The reservation's row, unique by saga and step, is what makes a command idempotent: one that comes again finds
    /// it and is told what was told before. So commands have no entries in the inbox. Fails with [`Error::Malformed`]
    /// when nothing is wanted. When the database fails some commands may have had their effect: all of them can come
    /// again.
    pub async fn reserve(&self, commands: &[(ReserveStock, Scope)]) -> Result<(), Error> {
        let at = now();
        let wanted = commands.iter().map(|(command, _)| self.opened(command, at)).collect::<Result<Vec<_>, _>>()?;
        let mut tx = self.db.begin().await?;
        let added = reservations::insert(&mut tx, &wanted).await?;
        failpoint!("inventory.reserve.after_claim");
        let (new, repeated): (Vec<_>, Vec<_>) =
            commands.iter().zip(wanted).partition(|(_, reservation)| added.contains(&reservation.id));
        let (new, opened): (Vec<_>, Vec<_>) = new.into_iter().unzip();
        let decided = set_aside(&mut tx, &opened, at).await?;
        conclude(tx, new.into_iter().zip(decided), at).await?;
        // Each in a transaction of its own: whoever holds stock waits for no reservation.
        for (command, _) in repeated {
            let mut tx = self.db.begin().await?;
            let StepRef { saga_id, step, .. } = &command.0.step;
            let earlier = reservations::lock(&mut tx, *saga_id, step).await?;
            let decided = decided_before(earlier.context("a reservation that was there is gone")?)?;
            conclude(tx, [(command, decided)], at).await?;
        }
        Ok(())
    }

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

/// Tells what was decided on commands, each on whose behalf it came, and commits.
async fn conclude<'a>(
    mut tx: Tx,
    decided: impl IntoIterator<Item = (&'a (ReserveStock, Scope), Decision)>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let (mut told, mut decisions) = (Vec::new(), Vec::new());
    for ((command, scope), decision) in decided {
        told.extend(scope.run(async { decision.messages(command.step.clone(), at) }).await?);
        decisions.push(decision);
    }
    tx.enqueue_all(told);
    failpoint!("inventory.reserve.after_outbox");
    tx.on_commit(move || decisions.iter().for_each(Decision::count));
    tx.commit().await?;
    failpoint!("inventory.reserve.after_commit");
    Ok(())
}

/// Decides on new reservations, one after the other, with their products locked.
async fn set_aside(
    connection: &mut PgConnection,
    wanted: &[Reservation],
    at: DateTime<Utc>,
) -> Result<Vec<Decision>, Error> {
    let products: Vec<_> = wanted.iter().flat_map(|reservation| reservation.items.products()).collect();
    let mut shelf = stock::lock(connection, &products).await?;
    let (mut decided, mut refused) = (Vec::with_capacity(wanted.len()), Vec::new());
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
        decided.push(Decision { records, outcome, metric });
    }
    stock::write(connection, decided.iter().flat_map(|decided| &decided.records), at).await?;
    failpoint!("inventory.reserve.after_stock");
    for (id, refusal) in &refused {
        reservations::refuse(connection, *id, refusal).await?;
        failpoint!("inventory.reserve.after_refusal");
    }
    Ok(decided)
}

/// What was told before, or that it was undone.
fn decided_before(earlier: Reservation) -> Result<Decision, Error> {
    let (outcome, metric) = match (earlier.status, earlier.refusal) {
        (Status::Refused, Some((code, message))) => (Outcome::Refused { code, message }, "repeated"),
        (Status::Tombstone | Status::Released, _) => {
            let message = "The reservation was cancelled before it came.".to_owned();
            (Outcome::Refused { code: "undone".to_owned(), message }, "undone")
        }
        _ => (reserved(earlier.id)?, "repeated"),
    };
    Ok(Decision { records: Vec::new(), outcome, metric })
}

fn reserved(reservation_id: Uuid) -> Result<Outcome, Error> {
    Ok(Outcome::Done { answer: serde_json::to_value(StockReservedAnswer { reservation_id })? })
}

pub(super) fn cause(reservation: &Reservation, reason: &str) -> Cause {
    let (saga_id, step, reservation_id) = (reservation.saga_id, reservation.step.clone(), reservation.id);
    Cause { reason: reason.to_owned(), saga: Some(SagaCause { saga_id, step, reservation_id }), actor: None }
}
