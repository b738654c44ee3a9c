//! The use cases: one per module, one transaction each, with the outbox in it.
//!
//! [`charge`] and [`undo`] answer commands and never call the provider; [`call`](Payments::call) does, for the
//! workers; [`settle`] writes outcomes, whoever brought them: the call, a question, or a webhook.

mod call;
mod charge;
mod forget;
mod hear;
mod read;
mod reader;
mod refund;
mod settle;
mod settler;
mod undo;

pub use read::Shown;
pub use refund::RefundRequest;

use crate::{config, domain::Origin, error::Error, provider::Provider, worker::Desk};
use chassis::{http::RequestId, telemetry};
use contracts::{
    command::{Outcome, Replied, StepRef},
    envelope::{Event, EventData},
};
use messaging::{Outgoing, cause};
use postgres::{Db, Tx};
use reader::Reader;
use settler::Settler;

/// How many charges that come meanwhile are written, or looked up, together at most.
const TOGETHER: usize = 64;

/// Payments and their refunds. Clones are the same.
#[derive(Clone)]
pub struct Payments {
    pub(crate) db: Db,
    pub(crate) provider: Provider,
    pub(crate) desk: Desk,
    settler: Settler,
    reader: Reader,
    tolerance_seconds: u32,
}

impl Payments {
    /// Puts together what the use cases need.
    #[must_use]
    pub fn new(db: Db, provider: Provider, desk: Desk, webhooks: config::Webhooks) -> Self {
        Self {
            db,
            provider,
            desk,
            settler: Settler::at_most(TOGETHER),
            reader: Reader::at_most(TOGETHER),
            tolerance_seconds: webhooks.tolerance_seconds,
        }
    }

    /// The payment provider.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }
}

/// Who was at work for others has broken off.
const INTERRUPTED: Error = Error::Store(sqlx::Error::WorkerCrashed);

/// Where what is written now comes from.
pub(crate) fn origin() -> Origin {
    Origin {
        traceparent: telemetry::traceparent(),
        correlation_id: RequestId::current().map(|id| id.as_str().to_owned()),
        causation_id: cause(),
    }
}

/// Writes a reply into the outbox.
async fn reply(tx: &mut Tx, step: &StepRef, outcome: Outcome, origin: &Origin) -> sqlx::Result<()> {
    let message = reply_message(step, outcome, origin)?;
    tx.enqueue(message).await.map(drop)
}

fn reply_message(step: &StepRef, outcome: Outcome, origin: &Origin) -> sqlx::Result<Outgoing> {
    encoded(Outgoing::reply(Replied { step: step.clone(), outcome }), origin)
}

fn event_message<T: EventData>(event: Event<T>, origin: &Origin) -> sqlx::Result<Outgoing> {
    encoded(Outgoing::event(event), origin)
}

fn encoded(message: serde_json::Result<Outgoing>, origin: &Origin) -> sqlx::Result<Outgoing> {
    message.map(|message| from(message, origin)).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

fn from(mut message: Outgoing, origin: &Origin) -> Outgoing {
    message.envelope.traceparent = origin.traceparent.clone();
    message.envelope.correlation_id = origin.correlation_id.clone();
    message.envelope.causation_id = origin.causation_id;
    message
}
