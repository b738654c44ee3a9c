//! Places orders: those that come while others are being placed are placed together.

mod known;
mod lot;

use super::Shop;
use crate::{domain::Refusals, error::Error, metrics as names, store::idempotency::Request};
use chassis::{Scope, batcher::Batcher, http::IdempotencyKey};
use contracts::rest::orders::{Order, PlaceOrder};
use known::Known;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The name of this operation among those that can be repeated.
const OPERATION: &str = "place-order";
/// How many orders are placed together at most.
pub(super) const TOGETHER: usize = 32;
/// Who was placing for others broke off: nothing is known of it, and the same request may come again.
const INTERRUPTED: Error = Error::Store(sqlx::Error::WorkerCrashed);

/// An order that somebody wants, and the request that it belongs to.
pub(super) struct Wish {
    user: Uuid,
    key: IdempotencyKey,
    fingerprint: Vec<u8>,
    order: PlaceOrder,
    scope: Scope,
}

impl Wish {
    fn request(&self) -> Request<'_> {
        Request { user: self.user, operation: OPERATION, key: self.key.as_str(), fingerprint: &self.fingerprint }
    }
}

/// Where wishes wait. Each is answered for itself; the error is that of all who were placed together.
pub(super) type Counter = Batcher<Wish, Result<Order, Error>, Error>;

impl Shop {
    /// Places an order, once, however often the request comes: the answer, the order, the news of it and
    /// the first command of its checkout are one transaction.
    ///
    /// # Errors
    /// Fails when the key or a field is not acceptable, the customer was erased, or the key was used otherwise.
    pub async fn place(
        &self,
        user: Uuid,
        key: Result<IdempotencyKey, String>,
        order: PlaceOrder,
    ) -> Result<Order, Error> {
        let key = match key {
            Ok(key) => key,
            Err(why) => return Err(self.refuse(user, why, &order).await?.into()),
        };
        let fingerprint = Sha256::digest(serde_json::to_vec(&order)?).to_vec();
        let wish = Wish { user, key, fingerprint, order, scope: Scope::current() };
        let shop = self.clone();
        let placed = self.counter.join(wish, move |wishes| shop.clone().place_all(wishes)).await;
        let placed = placed.unwrap_or(Err(INTERRUPTED)).flatten();
        let repeated = match &placed {
            Ok(order) => {
                chassis::http::log_fields::add("order_id", order.id.to_string());
                return placed;
            }
            Err(Error::IdempotencyMismatch) => "mismatch",
            Err(Error::IdempotencyInProgress) => "in_progress",
            Err(_) => return placed,
        };
        metrics::counter!(names::REPEATED, "outcome" => repeated).increment(1);
        placed
    }

    /// Everything that is wrong with an order whose key is not acceptable.
    async fn refuse(&self, user: Uuid, why: String, order: &PlaceOrder) -> Result<Refusals, Error> {
        let mut fields = Refusals::default();
        fields.refuse("Idempotency-Key", why);
        let mut connection = self.db.pool().acquire().await?;
        let known = Known::read(&mut connection, &[(user, order)]).await?;
        match known.consider(user, order, &self.keyring) {
            Ok(_) => Ok(fields),
            Err(Error::Refused(others)) => Ok(fields.and(others)),
            Err(error) => Err(error),
        }
    }
}
