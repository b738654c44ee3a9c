//! Places orders: those that come while others are being placed are placed together, in one transaction.

use super::checkout::{Checkout, CheckoutData, Payment};
use super::record::Recorded;
use super::saga_error;
use crate::domain::order::{Event, Placed};
use crate::domain::{Cart, Order, PaymentMethod, Product};
use crate::error::Error;
use crate::metrics as names;
use crate::store::placing::{self, PlacementContext, Request};
use chassis::batcher::Batcher;
use chassis::http::idempotency::KeyRefused;
use chassis::http::{IdempotencyKey, KeyedRequest};
use chassis::{Scope, failpoint};
use chrono::Utc;
use contracts::field_errors::FieldErrors;
use contracts::rest::orders::{self as rest, PlaceOrder};
use postgres::{Db, Tx, idempotency};
use saga::Begun;
use sealing::Keyring;
use std::sync::Arc;
use uuid::Uuid;

/// How many orders are placed together at most.
const BATCH: usize = 32;
/// Whoever placed for others broke off: nothing is known of it, and the same request may come again.
const INTERRUPTED: Error = Error::Store(sqlx::Error::WorkerCrashed);
/// The name of this operation among those that can be repeated; the statements name it, too.
const OPERATION: &str = "place-order";

/// Places orders. Clones are the same.
#[derive(Clone)]
pub struct PlaceOrders {
    db: Db,
    keyring: Arc<Keyring>,
    sagas: saga::Engine,
    batcher: OrderBatcher,
}

type OrderBatcher = Batcher<PlaceRequest, Result<rest::Order, Error>, Error>;

/// An order that somebody wants, and the request that it belongs to.
struct PlaceRequest {
    keyed: KeyedRequest,
    order: PlaceOrder,
    scope: Scope,
}

impl PlaceRequest {
    fn request(&self) -> Request<'_> {
        let KeyedRequest { user, key, fingerprint, .. } = &self.keyed;
        Request { user: *user, key: key.as_str(), fingerprint, order: &self.order }
    }
}

/// What is written of an order that is placed.
struct Placement<'a> {
    placed: Recorded,
    answer: (Request<'a>, serde_json::Value),
    saga: Begun,
}

impl PlaceOrders {
    #[must_use]
    pub fn new(db: Db, keyring: Arc<Keyring>, sagas: saga::Engine) -> Self {
        Self { db, keyring, sagas, batcher: OrderBatcher::at_most(BATCH) }
    }

    /// Places an order, once, however often the request comes: the answer, the order, its event and the first command
    /// of its checkout are one transaction. Fails when the key or a field is not acceptable, the customer was erased,
    /// or the key was used otherwise.
    pub async fn place(
        &self,
        user: Uuid,
        key: Result<IdempotencyKey, String>,
        order: PlaceOrder,
    ) -> Result<rest::Order, Error> {
        let key = match key {
            Ok(key) => key,
            Err(why) => return Err(self.refuse(user, why, &order).await?.into()),
        };
        let keyed = KeyedRequest::new(user, OPERATION, key, &order)?;
        let request = PlaceRequest { keyed, order, scope: Scope::current() };
        let places = self.clone();
        let placed = self.batcher.join(request, move |requests| places.clone().place_batch(requests)).await;
        let placed = placed.unwrap_or(Err(INTERRUPTED)).flatten();
        let repeated = match &placed {
            Ok(order) => {
                chassis::http::log_fields::add("order_id", order.id.to_string());
                return placed;
            }
            Err(Error::Repeated(KeyRefused::Mismatch)) => "mismatch",
            Err(Error::Repeated(KeyRefused::InProgress)) => "in_progress",
            Err(_) => return placed,
        };
        metrics::counter!(names::REPEATED, "outcome" => repeated).increment(1);
        placed
    }

    /// Everything that is wrong with an order whose key is not acceptable.
    async fn refuse(&self, user: Uuid, why: String, order: &PlaceOrder) -> Result<FieldErrors, Error> {
        let mut fields = FieldErrors::default();
        fields.refuse("Idempotency-Key", why);
        let mut connection = self.db.pool().acquire().await?;
        let request = Request { user, key: "", fingerprint: &[], order };
        let (contexts, products) = placing::begin(&mut connection, &[request]).await?;
        match contexts.first().map(|(_, context)| self.check(order, context, &products)) {
            Some(Err(Error::Refused(others))) => {
                fields.add(others);
                Ok(fields)
            }
            Some(Err(error)) => Err(error),
            _ => Ok(fields),
        }
    }

    async fn place_batch(self, requests: Vec<Arc<PlaceRequest>>) -> Result<Vec<Result<rest::Order, Error>>, Error> {
        let mut tx = self.db.begin().await?;
        let outcome = self.place_in(&mut tx, &requests).await;
        let answers = tx.end(outcome).await?;
        failpoint!("orders.place.after_commit");
        Ok(answers)
    }

    /// Answers each request; when the database fails, no order is placed.
    async fn place_in(
        &self,
        tx: &mut Tx,
        requests: &[Arc<PlaceRequest>],
    ) -> Result<Vec<Result<rest::Order, Error>>, Error> {
        let asked: Vec<_> = requests.iter().map(|request| request.request()).collect();
        let (contexts, products) = placing::begin(tx, &asked).await?;
        let (mut placements, mut answers) = (Vec::new(), Vec::with_capacity(requests.len()));
        for (request, (earlier, context)) in requests.iter().zip(contexts) {
            answers.push(match earlier {
                Ok(None) => {
                    let prepared = request.scope.run(async { self.prepare(request, &context, &products) }).await;
                    prepared.map(|(placement, order)| {
                        placements.push(placement);
                        order
                    })
                }
                Ok(Some(answer)) => {
                    metrics::counter!(names::REPEATED, "outcome" => "answered").increment(1);
                    Ok(serde_json::from_value(answer)?)
                }
                Err(refused) => Err(refused.into()),
            });
        }
        if !placements.is_empty() {
            self.store(tx, placements).await?;
        }
        Ok(answers)
    }

    /// Makes an order of a request, if nothing is wrong with it.
    fn prepare<'a>(
        &self,
        request: &'a PlaceRequest,
        context: &PlacementContext,
        products: &[Product],
    ) -> Result<(Placement<'a>, rest::Order), Error> {
        let (customer_id, payment_method, cart) = self.check(&request.order, context, products)?;
        let placed = Recorded::new(
            None,
            &Event::Placed(Placed {
                order_id: Uuid::now_v7(),
                customer_id,
                auth_user_id: request.keyed.user,
                items: cart.items,
                total: cart.total,
                payment_method_id: request.order.payment_method_id,
                shortener_short_code: request.order.link_code.clone(),
            }),
        )?;
        let order: &Order = placed.order();
        let shown = order.shown(None);
        let data = CheckoutData::new(order, Payment::from(payment_method));
        let start = saga::Start { id: order.id, subject: order.id.to_string(), data };
        let saga = self.sagas.begin::<Checkout>(start).map_err(saga_error)?;
        Ok((Placement { placed, answer: (request.request(), serde_json::to_value(&shown)?), saga }, shown))
    }

    /// Tells who pays, how, and for what; or everything that is wrong at once.
    fn check(
        &self,
        order: &PlaceOrder,
        context: &PlacementContext,
        products: &[Product],
    ) -> Result<(Uuid, PaymentMethod, Cart), Error> {
        let mut fields = FieldErrors::default();
        let payer = fields.take("payment_method_id", self.payer(order.payment_method_id, context)?);
        let cart = fields.hold(Cart::read(&order.items, products, order.expected_total));
        if order.link_code.is_some() && !context.is_link_known {
            fields.refuse("link_code", "unknown link code");
        }
        match (payer, cart) {
            (Some((customer, payment_method)), Some(cart)) if fields.is_empty() => Ok((customer, payment_method, cart)),
            _ => Err(fields.into()),
        }
    }

    /// The customer and the payment method; or what is wrong with the payment method.
    fn payer(
        &self,
        payment_method: Uuid,
        context: &PlacementContext,
    ) -> Result<Result<(Uuid, PaymentMethod), &'static str>, Error> {
        let Some(buyer) = &context.buyer else {
            return Ok(Err("unknown payment method: save your customer data with one first"));
        };
        let (false, Some((key_id, wrapped))) = (buyer.is_erased, &buyer.key) else {
            return Err(Error::Erased);
        };
        let Some(sealed) = &buyer.payment_method else { return Ok(Err("unknown payment method")) };
        let found: PaymentMethod =
            self.keyring.unwrap(buyer.id, *key_id, wrapped)?.open_item(payment_method, sealed)?;
        let this_month = Utc::now().format("%Y-%m").to_string();
        if found.expiry.as_ref().is_some_and(|expiry| *expiry < this_month) {
            return Ok(Err("has expired: choose another payment method"));
        }
        Ok(Ok((buyer.id, found)))
    }

    async fn store(&self, tx: &mut Tx, placements: Vec<Placement<'_>>) -> Result<(), Error> {
        let (mut placed, mut answers, mut sagas) = (Vec::new(), Vec::new(), Vec::new());
        for placement in placements {
            placed.push(placement.placed);
            answers.push(placement.answer);
            sagas.push(placement.saga);
        }
        Recorded::store(tx, placed, &answers).await?;
        failpoint!("orders.place.after_order");
        failpoint!("orders.place.after_key");
        self.sagas.start_all(tx, sagas).await.map_err(saga_error)?;
        failpoint!("orders.place.after_saga");
        Ok(())
    }

    /// Forgets requests that are older than 72 hours.
    pub async fn purge(self) -> Result<(), Error> {
        let count = idempotency::purge(self.db.pool()).await?;
        metrics::counter!(names::PURGED, "table" => "idempotency_keys").increment(count);
        Ok(())
    }
}
