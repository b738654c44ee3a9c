//! The payments that webhooks tell of: those that are asked for while others are being read are read together.

use super::{INTERRUPTED, Payments};
use crate::{domain::Payment, error::Error, store::payments};
use chassis::together::Together;
use std::sync::Arc;
use uuid::Uuid;

/// A saga, and its step that charges.
type Step = (Uuid, String);
/// The steps whose payments are asked for.
pub(super) type Reader = Together<Step, Option<Payment>, Error>;

impl Payments {
    /// The payment of a saga's step.
    pub(super) async fn payment_of(&self, saga_id: Uuid, step: &str) -> Result<Option<Payment>, Error> {
        let payments = self.clone();
        let read = self.reader.join((saga_id, step.to_owned()), move |steps| payments.clone().read_all(steps));
        read.await.unwrap_or(Err(INTERRUPTED))
    }

    async fn read_all(self, steps: Vec<Arc<Step>>) -> Result<Vec<Option<Payment>>, Error> {
        let found = payments::by_steps(self.db.pool(), &steps).await?;
        let of = |step: &Step| found.iter().find(|it| it.saga_id == step.0 && it.step == step.1).cloned();
        Ok(steps.iter().map(|step| of(step)).collect())
    }
}
