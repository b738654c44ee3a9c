//! Calls to payments.

use super::{Client, Payments, ServiceError};
use contracts::rest::payments::{BatchPayments, Payment, PaymentList};
use uuid::Uuid;

impl Client<'_, Payments> {
    /// Returns the payments of the orders that the user may see.
    pub async fn payments_of(&self, order_ids: Vec<Uuid>) -> Result<Vec<Payment>, ServiceError> {
        let found: PaymentList = self.look_up("/v1/payments/batch", &BatchPayments { order_ids }).await?;
        Ok(found.payments)
    }
}
