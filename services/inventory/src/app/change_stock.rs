//! Restocks and corrects, as operators tell.

use super::{Inventory, now, tell};
use crate::domain::{Kind, What};
use crate::error::Error;
use crate::store::operations::{Cause, Record};
use crate::store::{products, stock, unsigned};
use anyhow::Context as _;
use chassis::http::{IdempotencyKey, KeyedRequest};
use contracts::rest::inventory::{ChangeStock, StockChange, StockChanged, StockOperation};
use postgres::{Tx, idempotency};
use uuid::Uuid;

/// The name of this operation among those that can be repeated.
const OPERATION: &str = "change-stock";

impl Inventory {
    /// Adds to or takes from a product's stock; the same request with the same key does so once, however often it
    /// comes. Fails with [`Error::UnknownProduct`]; [`Error::Stock`] when fewer pieces are free than are to be taken;
    /// [`Error::Repeated`].
    pub async fn change_stock(
        &self,
        actor: Uuid,
        product: Uuid,
        request: &ChangeStock,
        key: IdempotencyKey,
    ) -> Result<StockChanged, Error> {
        let keyed = KeyedRequest::new(actor, OPERATION, key, &(product, request))?;
        let mut tx = self.db.begin().await?;
        let outcome = change_once(&mut tx, &keyed, product, request).await;
        tx.end(outcome).await
    }
}

async fn change_once(
    tx: &mut Tx,
    keyed: &KeyedRequest,
    product: Uuid,
    request: &ChangeStock,
) -> Result<StockChanged, Error> {
    if let Some(answer) = idempotency::begin(tx, keyed).await?? {
        return Ok(serde_json::from_value(answer)?);
    }
    let (changed, records) = operate(tx, keyed.user, product, request).await?;
    idempotency::keep(tx, keyed, &changed).await??;
    tx.on_commit(move || stock::count(&records));
    Ok(changed)
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
