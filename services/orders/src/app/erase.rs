//! Erases a customer, by destroying the key.

use super::Shop;
use crate::{
    error::Error,
    metrics as names,
    store::{customers, orders},
};
use chassis::messaging::outbox;
use chrono::{SubsecRound, Utc};
use contracts::{envelope::Event, event::orders::CustomerErased};
use sqlx::PgConnection;
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
    /// Erases the user's customer, in the transaction of `connection`. Once erased, for ever erased.
    pub(crate) async fn erase(&self, connection: &mut PgConnection, user: Uuid) -> Result<Erased, Error> {
        let now = Utc::now().trunc_subsecs(6);
        let mut row = customers::lock_by_user(connection, user).await?;
        if row.is_none() && !customers::refuse(connection, user, now).await? {
            row = customers::lock_by_user(connection, user).await?;
        }
        let Some(row) = row.filter(|row| row.person.is_some()) else { return Ok(Erased::Done) };
        if orders::any_open(connection, row.id).await? {
            return Ok(Erased::OpenOrders);
        }
        let now = now.max(row.updated_at);
        customers::erase(connection, row.id, now).await?;
        chassis::failpoint!("orders.erase.after_rows");
        let version = u64::try_from(row.version).unwrap_or_default() + 1;
        let data = CustomerErased { customer_id: row.id, auth_user_id: user, erased_at: now };
        outbox::postgres::enqueue(connection, Event::new(row.id.to_string(), version, data)).await?;
        chassis::failpoint!("orders.erase.after_outbox");
        metrics::counter!(names::CUSTOMERS, "what" => "erased").increment(1);
        Ok(Erased::Done)
    }
}
