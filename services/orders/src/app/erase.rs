//! Erases a customer, by destroying the key.

use super::Shop;
use crate::{
    error::Error,
    metrics as names,
    store::{customers, orders},
};
use chrono::{SubsecRound, Utc};
use contracts::{envelope::Event, event::orders::CustomerErased};
use postgres::Tx;
use uuid::Uuid;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Erased {
    /// Nobody can read the data any more, if there ever were any.
    Done,
    /// An order of the customer is under way.
    OpenOrders,
}

impl Shop {
    /// Erases the user's customer, in the transaction `tx`. Once erased, for ever erased.
    pub(crate) async fn erase(&self, tx: &mut Tx, user: Uuid) -> Result<Erased, Error> {
        let now = Utc::now().trunc_subsecs(6);
        let mut row = customers::lock_by_user(tx, user).await?;
        if row.is_none() && !customers::refuse(tx, user, now).await? {
            row = customers::lock_by_user(tx, user).await?;
        }
        let Some(row) = row.filter(|row| row.person.is_some()) else { return Ok(Erased::Done) };
        if orders::any_open(tx, row.id).await? {
            return Ok(Erased::OpenOrders);
        }
        let now = now.max(row.updated_at);
        customers::erase(tx, row.id, now).await?;
        chassis::failpoint!("orders.erase.after_rows");
        let version = u64::try_from(row.version).unwrap_or_default() + 1;
        let data = CustomerErased { customer_id: row.id, auth_user_id: user, erased_at: now };
        tx.enqueue(Event::new(row.id.to_string(), version, data)).await?;
        chassis::failpoint!("orders.erase.after_outbox");
        tx.on_commit(|| metrics::counter!(names::CUSTOMERS, "what" => "erased").increment(1));
        Ok(Erased::Done)
    }
}
