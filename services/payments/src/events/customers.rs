//! The erasure of customers.

use crate::app::Payments;
use contracts::envelope::EventData;
use contracts::event::orders::CustomerErased;
use messaging::{HandleError, Handler, Message, Registration, Subscription};
use postgres::Inbox;

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "payments.customers";

#[must_use]
pub fn consumer(payments: Payments) -> Registration<Customers> {
    Subscription::new(CONSUMER, [CustomerErased::TYPE]).handled_by(Customers { payments, inbox: Inbox::new(CONSUMER) })
}

pub struct Customers {
    payments: Payments,
    inbox: Inbox,
}

impl Handler for Customers {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        for message in batch {
            let erased = message.decode::<CustomerErased>()?.data;
            self.payments.forget(&self.inbox, message, &erased).await?;
        }
        Ok(())
    }
}
