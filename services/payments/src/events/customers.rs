//! The erasure of customers.

use crate::app::Payments;
use chassis::messaging::{HandleError, Handler, Message, Subscription, inbox::postgres::Inbox};
use contracts::{envelope::EventData, event::orders::CustomerErased};

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "payments.customers";

/// What the consumer subscribes to.
#[must_use]
pub fn subscription() -> Subscription {
    Subscription::new(CONSUMER, [CustomerErased::TYPE])
}

/// Forgets erased customers.
pub struct Customers {
    payments: Payments,
    inbox: Inbox,
}

impl Customers {
    /// Forgets them in these payments.
    #[must_use]
    pub fn new(payments: Payments) -> Self {
        Self { payments, inbox: Inbox::new(CONSUMER) }
    }
}

impl Handler for Customers {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        let erased = message.decode::<CustomerErased>()?.data;
        Ok(self.payments.forget(&self.inbox, message, &erased).await?)
    }
}
