//! Restocks and corrects, as operators tell.

use super::{Inventory, now, tell};
use crate::domain::{Kind, What};
use crate::error::Error;
use crate::store::idempotency::{self, Answered, RequestKey};
use crate::store::operations::{Cause, Record};
use crate::store::{products, stock, unsigned};
use anyhow::Context as _;
use chassis::http::IdempotencyKey;
use contracts::rest::inventory::{ChangeStock, StockChange, StockChanged, StockOperation};
use postgres::Tx;
use uuid::Uuid;

/// The name of this operation among those that can be repeated.
const OPERATION: &str = "change-stock";

impl Inventory {
    /// Adds to or takes from a product's stock; the same request with the same key does so once, however often it
    /// comes. Fails with [`Error::UnknownProduct`]; [`Error::Stock`] when fewer pieces are free than are to be taken;
    /// [`Error::IdempotencyMismatch`].
    pub async fn change_stock(
        &self,
        actor: Uuid,
        product: Uuid,
        request: &ChangeStock,
        key: &IdempotencyKey,
    ) -> Result<StockChanged, Error> {
        let asked = serde_json::to_string(&(product, request))?;
        let place = RequestKey { user: actor, operation: OPERATION, key };
        let mut tx = self.db.begin().await?;
        if let Some(replay) = idempotency::take_turn(&mut tx, place).await? {
            return if replay.request == asked {
                Ok(serde_json::from_str(&replay.answer)?)
            } else {
                Err(Error::IdempotencyMismatch)
            };
        }
        let (changed, records) = operate(&mut tx, actor, product, request).await?;
        let replay = Answered { request: asked, answer: serde_json::to_string(&changed)? };
        idempotency::insert(&mut tx, place, &replay).await?;
        tx.on_commit(move || stock::count(&records));
        tx.commit().await?;
        Ok(changed)
    }
}

async fn operate(
    tx: &mut Tx,
    actor: Uuid,
    product: Uuid,
    request: &ChangeStock,
) -> Result<(StockChanged, Vec<Record>), Error> {
    let at = now();
    let mut shelf = stock::lock(tx, &[product]).await?;
    shelf.get(product).ok_or(Error::UnknownProduct)?;
    let kind = match request.kind {
        StockChange::Increase => Kind::Increase,
        StockChange::Decrease => Kind::Decrease,
    };
    shelf.operate(product, kind, request.quantity)?;
    let cause = Cause { reason: request.reason.clone(), saga: None, actor: Some(actor) };
    let records = cause.of(shelf.take_changes());
    stock::write(tx, &records, at).await?;
    tx.enqueue_all(tell::events(&records, at)?);
    let record = records.first().context("an operation left no record")?;
    let What::Operation { quantity, stock, .. } = record.change.what else {
        return Err(anyhow::anyhow!("an operation is told as something else").into());
    };
    let operation = StockOperation {
        id: record.id,
        product_id: product,
        product_version: unsigned(record.change.version),
        kind,
        quantity,
        reason: request.reason.clone(),
        saga_id: None,
        step: None,
        reservation_id: None,
        actor_auth_user_id: Some(actor),
        at,
    };
    Ok((StockChanged { operation, stock: products::seen(stock, true) }, records))
}
