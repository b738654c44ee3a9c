//! Places an order.

use super::{Shop, of_engine, record};
use crate::{
    checkout::{Checkout, CheckoutData, Payment},
    domain::{
        Cart, Means, Refusals,
        order::{Event, Placed},
    },
    error::Error,
    metrics as names,
    store::{
        customers,
        idempotency::{self, Request},
        links, products,
    },
};
use chassis::messaging::outbox;
use chrono::Utc;
use contracts::rest::orders::{Order, PlaceOrder};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

/// The name of this operation among those that can be repeated.
const OPERATION: &str = "place-order";
/// The longest idempotency key, in bytes.
const LONGEST_KEY: usize = 255;

/// What tells a repeated request from another: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads a key.
    ///
    /// # Errors
    /// Tells what is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let is_visible = text.iter().all(u8::is_ascii_graphic);
        match std::str::from_utf8(text) {
            Ok(key) if is_visible && (1..=LONGEST_KEY).contains(&key.len()) => Ok(Self(key.to_owned())),
            _ => Err(format!("must be 1 to {LONGEST_KEY} visible ASCII characters")),
        }
    }
}

/// Who pays, and how.
struct Buyer {
    customer_id: Uuid,
    means: Means,
}

impl Shop {
    /// Places an order, once, however often the request comes: the answer, the order, the news of it and
    /// the first command of its checkout are one transaction.
    ///
    /// # Errors
    /// Fails when a field is not acceptable, the customer was erased, or the key was used otherwise.
    pub async fn place(&self, user: Uuid, key: &IdempotencyKey, wish: &PlaceOrder) -> Result<Order, Error> {
        let fingerprint = Sha256::digest(serde_json::to_vec(wish)?);
        let request = Request { user, operation: OPERATION, key: &key.0, fingerprint: &fingerprint };
        let placed = self.place_once(request, wish).await;
        let repeated = match &placed {
            Err(Error::IdempotencyMismatch) => "mismatch",
            Err(Error::IdempotencyInProgress) => "in_progress",
            _ => return placed,
        };
        metrics::counter!(names::REPEATED, "outcome" => repeated).increment(1);
        placed
    }

    async fn place_once(&self, request: Request<'_>, wish: &PlaceOrder) -> Result<Order, Error> {
        let mut tx = chassis::postgres::begin(&self.pool).await?;
        match self.place_in(&mut tx, request, wish).await {
            Ok(order) => {
                outbox::postgres::commit(tx).await?;
                chassis::failpoint!("orders.place.after_commit");
                chassis::http::facts::note("order_id", order.id.to_string());
                Ok(order)
            }
            Err(refused) => {
                // Before the answer goes out: a mended request may follow at once, and must find the key free.
                // Where that fails the connection is lost, and the transaction with it.
                let _ = tx.rollback().await;
                Err(refused)
            }
        }
    }

    async fn place_in(&self, tx: &mut PgConnection, request: Request<'_>, wish: &PlaceOrder) -> Result<Order, Error> {
        if let Some(answer) = idempotency::begin(tx, request).await? {
            metrics::counter!(names::REPEATED, "outcome" => "answered").increment(1);
            return Ok(serde_json::from_value(answer)?);
        }
        let (buyer, cart) = self.read(tx, request.user, wish).await?;
        let placed = Placed {
            order_id: Uuid::now_v7(),
            customer_id: buyer.customer_id,
            auth_user_id: request.user,
            items: cart.items,
            total: cart.total,
            payment_method_id: wish.payment_method_id,
            shortener_short_code: wish.link_code.clone(),
        };
        let order = record(tx, None, Event::Placed(placed)).await?;
        let answer = order.shown(None);
        chassis::failpoint!("orders.place.after_order");
        idempotency::finish(tx, request, &serde_json::to_value(&answer)?).await?;
        chassis::failpoint!("orders.place.after_key");
        let data = CheckoutData::new(&order, Payment::from(buyer.means));
        let start = saga::Start { id: order.id, subject: order.id.to_string(), data };
        self.engine.start::<Checkout>(tx, start).await.map_err(of_engine)?;
        chassis::failpoint!("orders.place.after_saga");
        Ok(answer)
    }

    /// Reads what is wanted against what is known, and tells everything that is wrong at once.
    async fn read(&self, tx: &mut PgConnection, user: Uuid, wish: &PlaceOrder) -> Result<(Buyer, Cart), Error> {
        let mut fields = Refusals::default();
        let buyer = self.buyer(tx, user, wish.payment_method_id).await?;
        let buyer = fields.take("payment_method_id", buyer);
        let cart = match Cart::lines(wish) {
            Ok(lines) => {
                let ids: Vec<_> = lines.iter().map(|line| line.product_id).collect();
                let products = products::by_ids(tx, &ids).await?;
                fields.hold(Cart::price(&lines, &products, wish.expected_total))
            }
            Err(refused) => fields.hold(Err(refused)),
        };
        if let Some(code) = &wish.link_code
            && !links::is_known(tx, code).await?
        {
            fields.refuse("link_code", "is no link's");
        }
        match (buyer, cart) {
            (Some(buyer), Some(cart)) if fields.is_empty() => Ok((buyer, cart)),
            _ => Err(fields.into()),
        }
    }

    /// Who pays, and how; or what is wrong with the means of payment.
    async fn buyer(
        &self,
        tx: &mut PgConnection,
        user: Uuid,
        means: Uuid,
    ) -> Result<Result<Buyer, &'static str>, Error> {
        let Some(row) = customers::buyer(tx, user, means).await? else {
            return Ok(Err("is none of yours: save your data first"));
        };
        let (Some(key_id), Some(wrapped)) = (row.key_id, row.wrapped) else { return Err(Error::Erased) };
        let Some(sealed) = row.means else { return Ok(Err("is none of yours")) };
        let found: Means = self.keyring.unwrap(row.id, key_id, &wrapped)?.open_part(means, &sealed)?;
        let this_month = Utc::now().format("%Y-%m").to_string();
        if found.expiry.as_ref().is_some_and(|expiry| *expiry < this_month) {
            return Ok(Err("is over"));
        }
        Ok(Ok(Buyer { customer_id: row.id, means: found }))
    }
}
