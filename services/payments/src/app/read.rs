//! Payments as they are shown.

use super::Payments;
use crate::domain::{Payment, Refund};
use crate::error::Error;
use crate::store::{payments, refunds};
use uuid::Uuid;

pub struct PaymentWithRefunds {
    pub payment: Payment,
    /// Its refunds, the oldest first.
    pub refunds: Vec<Refund>,
}

impl Payments {
    /// The payment with this id; nothing but `owner`'s, where one is given. Fails with [`Error::NotFound`], also when
    /// it is another's.
    pub async fn read(&self, id: Uuid, owner: Option<Uuid>) -> Result<PaymentWithRefunds, Error> {
        let found = payments::by_id(self.db.pool(), id, owner).await?;
        self.with_refunds(found.into_iter().collect()).await?.pop().ok_or(Error::NotFound)
    }

    /// The newest payment of each of these orders; nothing but `owner`'s, where one is given.
    pub async fn of_orders(&self, orders: &[Uuid], owner: Option<Uuid>) -> Result<Vec<PaymentWithRefunds>, Error> {
        self.with_refunds(payments::by_orders(self.db.pool(), orders, owner).await?).await
    }

    async fn with_refunds(&self, found: Vec<Payment>) -> Result<Vec<PaymentWithRefunds>, Error> {
        let ids: Vec<Uuid> = found.iter().map(|payment| payment.id).collect();
        let refunds = refunds::of_payments(self.db.pool(), &ids).await?;
        let shown = found.into_iter().map(|payment| {
            let refunds = refunds.iter().filter(|refund| refund.payment_id == payment.id).cloned().collect();
            PaymentWithRefunds { payment, refunds }
        });
        Ok(shown.collect())
    }
}
