//! The use cases. A [charge](charge) and a [refund](refund) are read from the command to the reply in one file each.

mod calls;
mod charge;
mod forget;
mod read;
mod refund;
mod undo;
mod webhook;
mod worker_pool;

use crate::config;
use crate::domain::Origin;
use crate::error::Error;
use crate::provider::Provider;
use charge::OutcomeBatcher;
use chassis::http::RequestId;
use chassis::telemetry;
use contracts::command::{Outcome, Replied, StepRef};
use messaging::{Outgoing, cause};
use postgres::{Db, Tx};
pub use read::PaymentWithRefunds;
pub use refund::RefundRequest;
use webhook::PaymentLookup;
pub use worker_pool::WorkerPool;

/// How many charges are written, or looked up, in one batch at most.
const BATCH: usize = 64;

/// Whoever worked for others has broken off.
const INTERRUPTED: Error = Error::Store(sqlx::Error::WorkerCrashed);

/// Payments and their refunds. Clones are the same.
#[derive(Clone)]
pub struct Payments {
    db: Db,
    provider: Provider,
    workers: WorkerPool,
    outcomes: OutcomeBatcher,
    lookups: PaymentLookup,
    tolerance_seconds: u32,
}

impl Payments {
    #[must_use]
    pub fn new(db: Db, provider: Provider, workers: WorkerPool, webhooks: config::Webhooks) -> Self {
        Self {
            db,
            provider,
            workers,
            outcomes: OutcomeBatcher::at_most(BATCH),
            lookups: PaymentLookup::at_most(BATCH),
            tolerance_seconds: webhooks.tolerance_seconds,
        }
    }
}

/// Where what is written now comes from.
pub(crate) fn origin() -> Origin {
    Origin {
        traceparent: telemetry::traceparent(),
        correlation_id: RequestId::current().map(|id| id.as_str().to_owned()),
        causation_id: cause(),
    }
}

/// Has a reply written into the outbox.
fn reply(tx: &mut Tx, step: &StepRef, outcome: Outcome, origin: &Origin) -> sqlx::Result<()> {
    let reply = message(Outgoing::reply(Replied { step: step.clone(), outcome }), origin)?;
    tx.enqueue(reply).map(drop)
}

/// A message on behalf of the request, trace and command that led to it.
fn message(message: serde_json::Result<Outgoing>, origin: &Origin) -> sqlx::Result<Outgoing> {
    let mut message = message.map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    message.envelope.traceparent = origin.traceparent.clone();
    message.envelope.correlation_id = origin.correlation_id.clone();
    message.envelope.causation_id = origin.causation_id;
    Ok(message)
}
