//! Writes the outcomes of charges: those that come while others are being written are written together.

use super::{INTERRUPTED, Payments, settle::settle_charges};
use crate::{domain::Verdict, error::Error};
use chassis::{failpoint, together::Together};
use std::sync::Arc;
use uuid::Uuid;

/// The outcomes that wait to be written.
pub(super) type Settler = Together<(Uuid, Verdict), (), Error>;

impl Payments {
    /// Writes what became of a charge, with its event and its reply.
    ///
    /// # Errors
    /// Fails when the database does: the provider will be asked.
    pub async fn settle_charge(&self, payment_id: Uuid, verdict: Verdict) -> Result<(), Error> {
        let payments = self.clone();
        let written = self.settler.join((payment_id, verdict), move |outcomes| payments.clone().settle_all(outcomes));
        written.await.unwrap_or(Err(INTERRUPTED))
    }

    async fn settle_all(self, outcomes: Vec<Arc<(Uuid, Verdict)>>) -> Result<Vec<()>, Error> {
        let outcomes: Vec<_> = outcomes.iter().map(|outcome| (**outcome).clone()).collect();
        let mut tx = self.db.begin().await?;
        let settled = settle_charges(&mut tx, &outcomes).await?;
        failpoint!("payments.settle.before_commit");
        tx.commit().await?;
        self.wake_for(&settled);
        Ok(vec![(); outcomes.len()])
    }
}
