//! Orders on their way to the buyer.

use super::{
    Shop, of_engine,
    record::{load, record},
};
use crate::{domain::Refusals, error::Error};
use contracts::rest::orders::Order;
use uuid::Uuid;

/// How long a carrier's number may be, in characters.
const LONGEST_NUMBER: usize = 64;

impl Shop {
    /// An order leaves the warehouse: from now on nothing of its checkout is undone. One that has left
    /// gets the right number.
    ///
    /// # Errors
    /// [`Error::Transition`] unless it is confirmed or shipped; [`Error::NotFound`].
    pub async fn ship(&self, id: Uuid, tracking_number: Option<String>) -> Result<Order, Error> {
        let tracking_number = read_number(tracking_number)?;
        let mut tx = self.db.begin().await?;
        let seen = load(&mut tx, id).await?;
        seen.ship(tracking_number.clone())?;
        // First the saga, then the order: that is the order in which the checkout locks them, too.
        let is_closed = match self.engine.close(&mut tx, id).await {
            Ok(()) => true,
            Err(saga::Error::Refused(_)) => false,
            Err(error) => return Err(of_engine(error)),
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

    /// An order reaches the buyer.
    ///
    /// # Errors
    /// [`Error::Transition`] unless it is shipped or delivered; [`Error::NotFound`].
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

/// A carrier's number may look like a card's, and comes from operators: it is not searched for those.
fn read_number(number: Option<String>) -> Result<Option<String>, Refusals> {
    let number = number.map(|text| text.trim().to_owned());
    let is_good =
        |text: &String| (1..=LONGEST_NUMBER).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if number.as_ref().is_none_or(is_good) {
        return Ok(number);
    }
    let mut fields = Refusals::default();
    fields.refuse("tracking_number", format!("must have 1 to {LONGEST_NUMBER} characters"));
    Err(fields)
}
