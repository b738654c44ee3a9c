//! Calls orders off, ships and delivers them.

use super::record::{load, record};
use super::{Orders, owner, saga_error};
use crate::domain::card;
use crate::error::Error;
use crate::store::orders;
use chassis::jwt::Caller;
use contracts::event::orders::CancelledBy;
use contracts::field_errors::FieldErrors;
use contracts::rest::orders::{Order, OrderStatus};
use uuid::Uuid;

/// How long a reason may be, in characters.
const LONGEST_REASON: usize = 500;
/// How long a carrier's number may be, in characters.
const LONGEST_NUMBER: usize = 64;

impl Orders {
    /// Calls off an order of the caller's (or, as an operator, anybody's) that has not left the warehouse. What was
    /// done for it is undone; the order is cancelled when that is done. Once is enough. Fails with
    /// [`Error::Transition`] when it is too late; [`Error::NotFound`].
    pub async fn cancel(&self, caller: &Caller, id: Uuid, reason: Option<String>) -> Result<Order, Error> {
        let reason = read_reason(reason)?;
        let mut tx = self.db.begin().await?;
        let seen = orders::by_ids(&mut tx, &[id], owner(caller)).await?.pop().ok_or(Error::NotFound)?;
        if seen.is_cancelling() || seen.status == OrderStatus::Cancelled {
            return self.shown(&mut tx, &seen).await;
        }
        let by = if seen.auth_user_id == caller.user_id { CancelledBy::Buyer } else { CancelledBy::Operator };
        let reason = self.seal_reason(&mut tx, &seen, reason).await?;
        seen.request_cancellation(by, reason.clone())?;
        // Why is the order's to know: a saga is not forgotten with its customer.
        let cancel =
            saga::Cancel { by: caller.user_id.to_string(), reason: "The order was cancelled by request.".to_owned() };
        // First the saga, then the order: that is the order in which the checkout locks them, too.
        self.sagas.cancel(&mut tx, id, cancel).await.map_err(saga_error)?;
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

    /// An order leaves the warehouse: from now on nothing of its checkout is undone. One that has left
    /// gets the right number.
    pub async fn ship(&self, id: Uuid, tracking_number: Option<String>) -> Result<Order, Error> {
        let tracking_number = read_number(tracking_number)?;
        let mut tx = self.db.begin().await?;
        let seen = load(&mut tx, id).await?;
        seen.ship(tracking_number.clone())?;
        // First the saga, then the order: that is the order in which the checkout locks them, too.
        let is_closed = match self.sagas.close(&mut tx, id).await {
            Ok(()) => true,
            Err(saga::Error::Refused(_)) => false,
            Err(error) => return Err(saga_error(error)),
        };
        chassis::failpoint!("orders.ship.after_close");
        let order = load(&mut tx, id).await?;
        let order = match order.ship(tracking_number)? {
            Some(event) if is_closed => record(&mut tx, order, event).await?,
            // It is being undone, and not because the buyer wants it.
            Some(_) => return Err(Error::Conflict),
            None => order,
        };
        let answer = self.shown(&mut tx, &order).await?;
        tx.commit().await?;
        Ok(answer)
    }

    pub async fn deliver(&self, id: Uuid) -> Result<Order, Error> {
        let mut tx = self.db.begin().await?;
        let order = load(&mut tx, id).await?;
        let order = match order.deliver()? {
            Some(event) => record(&mut tx, order, event).await?,
            None => order,
        };
        let answer = self.shown(&mut tx, &order).await?;
        tx.commit().await?;
        Ok(answer)
    }
}

fn read_reason(reason: Option<String>) -> Result<Option<String>, FieldErrors> {
    let mut fields = FieldErrors::default();
    let reason = reason.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if reason.as_ref().is_some_and(|text| text.chars().count() > LONGEST_REASON) {
        fields.refuse("reason", format!("must have at most {LONGEST_REASON} characters"));
    }
    if reason.as_deref().is_some_and(card::is_in) {
        fields.refuse("reason", card::REFUSED);
    }
    if fields.is_empty() { Ok(reason) } else { Err(fields) }
}

/// A carrier's number may look like a card's, and comes from operators: it is not searched for those.
fn read_number(number: Option<String>) -> Result<Option<String>, FieldErrors> {
    let number = number.map(|text| text.trim().to_owned());
    let is_good =
        |text: &String| (1..=LONGEST_NUMBER).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if number.as_ref().is_none_or(is_good) {
        return Ok(number);
    }
    let mut fields = FieldErrors::default();
    fields.refuse("tracking_number", format!("must have 1 to {LONGEST_NUMBER} characters"));
    Err(fields)
}
