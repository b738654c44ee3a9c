//! Payments as they are shown.

use super::Payments;
use crate::{
    domain::{Payment, Refund},
    error::Error,
    store::{
        payments::{self, Seen},
        refunds,
    },
};
use uuid::Uuid;

/// A payment with its refunds.
pub struct Shown {
    /// The payment.
    pub payment: Payment,
    /// Its refunds, the oldest first.
    pub refunds: Vec<Refund>,
}

impl Payments {
    /// The payment with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`] also when it may not be seen.
    pub async fn read(&self, id: Uuid, seen: Seen) -> Result<Shown, Error> {
        let found = payments::by_id(self.db.pool(), id, seen).await?;
        self.with_refunds(found.into_iter().collect()).await?.pop().ok_or(Error::NotFound)
    }

    /// The newest payment of each of these orders, those left out that have none or that may not be seen.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn of_orders(&self, orders: &[Uuid], seen: Seen) -> Result<Vec<Shown>, Error> {
        self.with_refunds(payments::by_orders(self.db.pool(), orders, seen).await?).await
    }

    async fn with_refunds(&self, found: Vec<Payment>) -> Result<Vec<Shown>, Error> {
        let ids: Vec<Uuid> = found.iter().map(|payment| payment.id).collect();
        let refunds = refunds::of_payments(self.db.pool(), &ids).await?;
        let shown = found.into_iter().map(|payment| {
            let refunds = refunds.iter().filter(|refund| refund.payment_id == payment.id).cloned().collect();
            Shown { payment, refunds }
        });
        Ok(shown.collect())
    }
}
