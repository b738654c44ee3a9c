//! What is told of what happened: events of products, replies to sagas.

use crate::domain::{Kind, What};
use crate::store::operations::Record;
use chrono::{DateTime, Utc};
use contracts::command::{Outcome, Replied, StepRef};
use contracts::envelope::Event;
use contracts::event::inventory::{StockDecreased, StockIncreased, StockReleased, StockReserved, StockUnavailable};
use messaging::Outgoing;
use serde_json::Value;

/// One event for each change, in order. What leaves with its order is told once, as things stand when it has left:
/// nobody is to take its pieces for free ones in between.
pub(super) fn events(records: &[Record], at: DateTime<Utc>) -> serde_json::Result<Vec<Outgoing>> {
    let followed_by = records.iter().skip(1).map(Some).chain([None]);
    let told = records.iter().zip(followed_by).filter(|(record, next)| !next.is_some_and(|next| leaves(record, next)));
    told.map(|(record, _)| event(record, at)).collect()
}

/// Whether pieces are released only so that they can leave: by the next operation.
fn leaves(record: &Record, next: &Record) -> bool {
    let is =
        |record: &Record, wanted: Kind| matches!(record.change.what, What::Operation { kind, .. } if kind == wanted);
    is(record, Kind::Release) && is(next, Kind::Decrease) && record.change.product_id == next.change.product_id
}

fn event(record: &Record, at: DateTime<Utc>) -> serde_json::Result<Outgoing> {
    let Record { id: operation_id, change, cause } = record;
    let (product_id, version) = (change.product_id, change.version.unsigned_abs());
    let saga_id = cause.saga.as_ref().map(|saga| saga.saga_id);
    let subject = product_id.to_string();
    macro_rules! moved {
        ($event:ident, $quantity:expr, $stock:expr) => {{
            let (quantity, on_hand, reserved) = ($quantity, $stock.on_hand, $stock.reserved);
            let operation_id = *operation_id;
            let data = $event { product_id, operation_id, quantity, on_hand, reserved, saga_id, at };
            Outgoing::event(Event::new(subject, version, data))
        }};
    }
    match change.what {
        What::Operation { kind: Kind::Increase, quantity, stock, .. } => moved!(StockIncreased, quantity, stock),
        What::Operation { kind: Kind::Decrease, quantity, stock, .. } => moved!(StockDecreased, quantity, stock),
        What::Operation { kind: Kind::Reserve, quantity, stock, .. } => moved!(StockReserved, quantity, stock),
        What::Operation { kind: Kind::Release, quantity, stock, .. } => moved!(StockReleased, quantity, stock),
        What::Unavailable { wanted, available } => {
            let saga_id = saga_id.unwrap_or_default();
            let data = StockUnavailable { product_id, saga_id, wanted, available, at };
            Outgoing::event(Event::new(subject, version, data))
        }
    }
}

pub(super) fn reply(step: StepRef, outcome: Outcome) -> serde_json::Result<Outgoing> {
    Outgoing::reply(Replied { step, outcome })
}

/// It is done, and there is nothing to learn from it.
pub(super) fn done() -> Outcome {
    Outcome::Done { answer: Value::Null }
}
