//! Frees what was held for too long.

use super::reserve::cause;
use super::{Inventory, tell};
use crate::error::Error;
use crate::metrics as names;
use crate::store::{reservations, stock};
use chassis::failpoint;
use chrono::{DateTime, SubsecRound, Utc};
use contracts::rest::inventory::ReservationStatus as Status;
use messaging::Broker;
use tokio_util::sync::CancellationToken;

/// How many reservations one transaction expires: few enough that nobody waits for its locks.
const BATCH: usize = 50;

impl Inventory {
    /// Expires the open reservations whose time is over at `now`; says how many. Several processes may do so at once.
    ///
    /// Their time counts only while an order's confirmation could have come: those from before `reached`, since when the
    /// broker has been there, have it anew from then.
    pub async fn expire(&self, now: DateTime<Utc>, reached: DateTime<Utc>) -> Result<usize, Error> {
        let earliest = if now - reached < self.reservations.life() { reached } else { DateTime::UNIX_EPOCH };
        let mut all = 0;
        loop {
            let expired = self.expire_some(now.trunc_subsecs(6), earliest).await?;
            metrics::counter!(names::RESERVATIONS_ENDED, "outcome" => "expired").increment(expired as u64);
            all += expired;
            if expired < BATCH {
                return Ok(all);
            }
        }
    }

    async fn expire_some(&self, now: DateTime<Utc>, earliest: DateTime<Utc>) -> Result<usize, Error> {
        let mut tx = self.db.begin().await?;
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let expired = reservations::lock_expired(&mut tx, now, earliest, limit).await?;
        if expired.is_empty() {
            return Ok(0);
        }
        let products: Vec<_> = expired.iter().flat_map(|reservation| reservation.items.products()).collect();
        let mut shelf = stock::lock(&mut tx, &products).await?;
        let mut records = Vec::new();
        for reservation in &expired {
            shelf.expire(&reservation.items)?;
            records.extend(cause(reservation, "released: the reservation expired").of(shelf.take_changes()));
        }
        stock::write(&mut tx, &records, now).await?;
        failpoint!("inventory.expire.after_stock");
        let ids: Vec<_> = expired.iter().map(|reservation| reservation.id).collect();
        reservations::move_to(&mut tx, &ids, Status::Expired, now).await?;
        failpoint!("inventory.expire.after_status");
        tx.enqueue_all(tell::events(&records, now)?);
        failpoint!("inventory.expire.after_outbox");
        tx.on_commit(move || stock::count(&records));
        tx.commit().await?;
        for reservation in &expired {
            tracing::info!(reservation.id = %reservation.id, order.id = %reservation.orders_order_id, "A reservation expired.");
        }
        Ok(expired.len())
    }

    /// Expires reservations until `shutdown`, but none while `broker` is away; a background task.
    pub async fn keep_expiring(self, broker: Broker, shutdown: CancellationToken) -> anyhow::Result<()> {
        // A restart is no reason to hold pieces for longer.
        let mut reach = broker.reach().trusting();
        let mut ticks = tokio::time::interval(self.reservations.sweep_every());
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(reached) = shutdown.run_until_cancelled(reach.since()).await else { break };
            if let Some(reached) = reached {
                self.expire(Utc::now(), reached).await?;
            }
            let (open, short) = reservations::count(self.db.pool()).await?;
            metrics::gauge!(names::RESERVATIONS_OPEN).set(open as f64);
            metrics::gauge!(names::RESERVATIONS_SHORT).set(short as f64);
        }
        Ok(())
    }
}
