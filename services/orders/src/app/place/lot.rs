//! Orders that are placed together, in one transaction.

use super::{
    Wish,
    known::{Buyer, Known},
};
use crate::{
    app::{
        Shop,
        checkout::{Checkout, CheckoutData, Payment},
        of_engine,
        record::Recorded,
    },
    domain::order::{Event, Placed},
    error::Error,
    metrics as names,
    store::idempotency::{self, Request},
};
use chassis::failpoint;
use contracts::rest::orders::Order;
use postgres::Tx;
use saga::Begun;
use std::sync::Arc;
use uuid::Uuid;

/// What is written of orders that are placed.
#[derive(Default)]
struct Lot<'a> {
    orders: Vec<Recorded>,
    answers: Vec<(Request<'a>, serde_json::Value)>,
    sagas: Vec<Begun>,
}

impl Shop {
    /// Places orders, and answers each.
    ///
    /// # Errors
    /// Fails when the database does: then none is placed.
    pub(super) async fn place_all(self, wishes: Vec<Arc<Wish>>) -> Result<Vec<Result<Order, Error>>, Error> {
        let mut tx = self.db.begin().await?;
        match self.place_in(&mut tx, &wishes).await {
            Ok(answers) => {
                tx.commit().await?;
                failpoint!("orders.place.after_commit");
                Ok(answers)
            }
            Err(error) => {
                // Before anybody asks again: a request that is repeated at once must find its key free.
                // Where that fails the connection is lost, and the transaction with it.
                let _ = tx.rollback().await;
                Err(error)
            }
        }
    }

    async fn place_in(&self, tx: &mut Tx, wishes: &[Arc<Wish>]) -> Result<Vec<Result<Order, Error>>, Error> {
        let requests: Vec<_> = wishes.iter().map(|wish| wish.request()).collect();
        let begun = idempotency::begin(tx, &requests).await?;
        let fresh = wishes.iter().zip(&begun).filter(|(_, begun)| matches!(begun, Ok(None)));
        let known = Known::read(tx, &fresh.map(|(wish, _)| (wish.user, &wish.order)).collect::<Vec<_>>()).await?;
        let (mut lot, mut answers) = (Lot::default(), Vec::with_capacity(wishes.len()));
        for (wish, begun) in wishes.iter().zip(begun) {
            answers.push(match begun {
                Ok(None) => wish.scope.run(async { self.add(&mut lot, wish, &known) }).await,
                Ok(Some(answer)) => {
                    metrics::counter!(names::REPEATED, "outcome" => "answered").increment(1);
                    Ok(serde_json::from_value(answer)?)
                }
                Err(refused) => Err(refused),
            });
        }
        self.store(tx, lot).await?;
        Ok(answers)
    }

    /// Adds an order to the lot, if nothing is wrong with it.
    fn add<'a>(&self, lot: &mut Lot<'a>, wish: &'a Wish, known: &Known) -> Result<Order, Error> {
        let (Buyer { customer_id, means }, cart) = known.consider(wish.user, &wish.order, &self.keyring)?;
        let placed = Placed {
            order_id: Uuid::now_v7(),
            customer_id,
            auth_user_id: wish.user,
            items: cart.items,
            total: cart.total,
            payment_method_id: wish.order.payment_method_id,
            shortener_short_code: wish.order.link_code.clone(),
        };
        let recorded = Recorded::new(None, &Event::Placed(placed))?;
        let order = recorded.order();
        let answer = order.shown(None);
        let data = CheckoutData::new(order, Payment::from(means));
        let start = saga::Start { id: order.id, subject: order.id.to_string(), data };
        let begun = self.engine.begin::<Checkout>(start).map_err(of_engine)?;
        lot.answers.push((wish.request(), serde_json::to_value(&answer)?));
        lot.orders.push(recorded);
        lot.sagas.push(begun);
        Ok(answer)
    }

    async fn store(&self, tx: &mut Tx, lot: Lot<'_>) -> Result<(), Error> {
        if lot.orders.is_empty() {
            return Ok(());
        }
        Recorded::store(tx, lot.orders).await?;
        failpoint!("orders.place.after_order");
        idempotency::finish(tx, &lot.answers).await?;
        failpoint!("orders.place.after_key");
        self.engine.start_all(tx, lot.sagas).await.map_err(of_engine)?;
        failpoint!("orders.place.after_saga");
        Ok(())
    }
}
