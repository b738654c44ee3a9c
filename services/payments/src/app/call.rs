//! Calls the provider, for the workers: asks first where an earlier call may have reached it.

use super::{Payments, settle::verdict};
use crate::{
    domain::{Verdict, reason},
    error::Error,
    metrics as names,
    provider::{CallError, ChargeRequest},
    store::calls::{self, Job, Work},
};
use chassis::failpoint;
use std::time::Duration;

impl Payments {
    /// Makes a call that was claimed, and settles it or puts it off. Tells after how long it is due again.
    ///
    /// # Errors
    /// Fails when the database does: the lease then ends, and the provider is asked.
    pub async fn call(&self, job: &Job) -> Result<Option<Duration>, Error> {
        if job.undoing && !job.begun && matches!(job.work, Work::Charge { .. }) {
            return self.call_off(job).await.map(|()| None);
        }
        failpoint!("payments.call.before");
        let called = match &job.work {
            Work::Charge { .. } => self.call_charge(job).await,
            Work::Refund { charge_id } => self.call_refund(job, charge_id).await,
        };
        failpoint!("payments.call.after");
        match called {
            Ok(Done::Charge(verdict)) => self.settle_charge(job.payment_id, verdict).await.map(|()| None),
            Ok(Done::Refund(id)) => self.settle_refund(job.payment_id, job.id, Some(&id)).await.map(|()| None),
            Err(error) => self.put_off(job, error).await,
        }
    }

    async fn call_charge(&self, job: &Job) -> Result<Done, CallError> {
        let Work::Charge { token, method, reference } = &job.work else { unreachable!("the caller looked") };
        if job.begun
            && let Some(charge) = self.provider.find_charge(&job.key, job.amount).await?
        {
            return Ok(Done::Charge(verdict(charge)));
        }
        let declined = |reason: &str| Ok(Done::Charge(Verdict::Declined { reason: reason.to_owned() }));
        let Some(token) = token else { return declined(reason::CUSTOMER_ERASED) };
        // Also after "there is none": the call that may have been made before could still arrive there, and only
        // an answer to this key says for good what became of it.
        let (key, amount, reference) = (&*job.key, job.amount, *reference);
        match self.provider.charge(ChargeRequest { key, amount, token, method, reference }).await {
            Err(CallError::Rejected(_)) => declined(reason::REJECTED),
            answer => answer.map(|charge| Done::Charge(verdict(charge))),
        }
    }

    async fn call_refund(&self, job: &Job, charge_id: &str) -> Result<Done, CallError> {
        if job.begun
            && let Some(refund) = self.provider.find_refund(&job.key, job.amount).await?
        {
            return Ok(Done::Refund(refund.id));
        }
        Ok(Done::Refund(self.provider.refund(&job.key, charge_id, job.amount).await?.id))
    }

    async fn put_off(&self, job: &Job, error: CallError) -> Result<Option<Duration>, Error> {
        let (why, begun, pause) = match &error {
            CallError::Refused { retry_after } => ("refused", job.begun, *retry_after),
            CallError::NotDone(_) => ("not_sent", job.begun, self.desk.pause(job.tries)),
            CallError::Unknown(_) => ("unknown", true, self.desk.pause(job.tries)),
            CallError::Rejected(_) => return self.refused(job, error).await,
        };
        metrics::counter!(names::PUT_OFF, "reason" => why).increment(1);
        tracing::info!(
            payment.id = %job.payment_id,
            call.kind = job.work.kind(),
            call.tries = job.tries,
            error = %error,
            pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            "A call to the provider is put off."
        );
        calls::put_off(self.db.pool(), job, begun, pause).await?;
        Ok(Some(pause))
    }

    /// The provider will not give money back: an operator is told so, a saga's refund is tried until it will.
    async fn refused(&self, job: &Job, error: CallError) -> Result<Option<Duration>, Error> {
        tracing::error!(payment.id = %job.payment_id, refund.id = %job.id, error = %error, "A refund was rejected.");
        if self.is_saga_s(job).await? {
            let pause = self.desk.longest_pause();
            calls::put_off(self.db.pool(), job, true, pause).await?;
            return Ok(Some(pause));
        }
        self.settle_refund(job.payment_id, job.id, None).await.map(|()| None)
    }

    async fn is_saga_s(&self, job: &Job) -> Result<bool, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let refund = crate::store::refunds::by_id(&mut connection, job.id).await?;
        Ok(refund.is_some_and(|refund| refund.kind == crate::domain::RefundKind::Compensation))
    }
}

/// What became of a call.
enum Done {
    Charge(Verdict),
    /// With the provider's id.
    Refund(String),
}
