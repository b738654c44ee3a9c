//! What an erased customer leaves: nothing.

use super::Payments;
use crate::error::Error;
use crate::store::{calls, erased_customers, payments, refunds};
use chassis::failpoint;
use contracts::event::orders::CustomerErased;
use messaging::Message;
use postgres::Inbox;

impl Payments {
    /// Forgets the tokens and last digits of a customer's payment methods, and why operators gave money back.
    pub async fn forget(&self, inbox: &Inbox, message: &Message, erased: &CustomerErased) -> Result<(), Error> {
        // Committed before the rest begins: a payment that is being recorded meanwhile either sees this, or is seen
        // below, or sees it when it is settled. A refund, whose payment is held, sees this or is seen.
        erased_customers::insert(self.db.pool(), erased.customer_id, erased.erased_at).await?;
        failpoint!("payments.forget.after_note");
        let mut tx = self.db.begin().await?;
        if !inbox.accept(&mut tx, [message]).await?.is_empty() {
            payments::hold_customer(&mut tx, erased.customer_id).await?;
            payments::forget_customer(&mut tx, erased.customer_id).await?;
            refunds::forget_customer(&mut tx, erased.customer_id).await?;
            calls::forget_customer(&mut tx, erased.customer_id).await?;
        }
        tx.commit().await?;
        self.workers.wake();
        Ok(())
    }
}
