//! Calls an order off.

use super::{
    Shop, of_engine,
    record::{load, record},
    sees,
};
use crate::{
    domain::{Refusals, card},
    error::Error,
    store::orders,
};
use chassis::jwt::Caller;
use contracts::{
    event::orders::CancelledBy,
    rest::orders::{Order, OrderStatus},
};
use uuid::Uuid;

/// How long a reason may be, in characters.
const LONGEST_REASON: usize = 500;

impl Shop {
    /// Calls off an order of the caller's (or, as an operator, anybody's) that has not left the warehouse.
    /// What was done for it is undone; the order is cancelled when that is done. Once is enough.
    ///
    /// # Errors
    /// [`Error::Transition`] when it is too late; [`Error::NotFound`].
    pub async fn cancel(&self, caller: &Caller, id: Uuid, reason: Option<String>) -> Result<Order, Error> {
        let reason = read_reason(reason)?;
        let mut tx = self.db.begin().await?;
        let seen = orders::by_ids(&mut tx, &[id], sees(caller)).await?.pop().ok_or(Error::NotFound)?;
        if seen.is_cancelling() || seen.status == OrderStatus::Cancelled {
            return self.shown(&mut tx, &seen).await;
        }
        let by = if seen.auth_user_id == caller.user_id { CancelledBy::Buyer } else { CancelledBy::Operator };
        let reason = self.seal_reason(&mut tx, &seen, reason).await?;
        seen.request_cancellation(by, reason.clone())?;
        // Why is the order's to know: a saga is not forgotten with its customer.
        let cancel = saga::Cancel { by: caller.user_id.to_string(), reason: "The order was called off.".to_owned() };
        // First the saga, then the order: that is the order in which the checkout locks them, too.
        self.engine.cancel(&mut tx, id, cancel).await.map_err(of_engine)?;
        chassis::failpoint!("orders.cancel.after_saga");
        let order = load(&mut tx, id).await?;
        let order = match order.request_cancellation(by, reason) {
            Ok(event) => record(&mut tx, order, event).await?,
            // It ended, or was called off by somebody else, while we waited for the saga.
            Err(_) => order,
        };
        let answer = self.shown(&mut tx, &order).await?;
        tx.commit().await?;
        Ok(answer)
    }
}

fn read_reason(reason: Option<String>) -> Result<Option<String>, Refusals> {
    let mut fields = Refusals::default();
    let reason = reason.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if reason.as_ref().is_some_and(|text| text.chars().count() > LONGEST_REASON) {
        fields.refuse("reason", format!("must have at most {LONGEST_REASON} characters"));
    }
    if reason.as_deref().is_some_and(card::is_in) {
        fields.refuse("reason", card::REFUSED);
    }
    if fields.is_empty() { Ok(reason) } else { Err(fields) }
}
