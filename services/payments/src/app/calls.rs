//! Calls to the provider: claimed, made by the workers, and put off while the provider is away.
//!
//! Several processes may run workers; a claim is a lease that ends with its holder. [`charge`](super::charge) and
//! [`refund`](super::refund) say what a call does and write its outcome.

use super::Payments;
use crate::domain::RefundKind;
use crate::error::Error;
use crate::metrics as names;
use crate::provider::CallError;
use crate::store::calls::{self, Call, CallKind};
use crate::store::refunds;
use breaker::State;
use chassis::{Scope, failpoint, telemetry};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// How many calls are claimed at once while the breaker lets only a few through.
const TRIALS: usize = 3;

impl Payments {
    /// Makes the calls that are due; a background task.
    pub async fn make_calls(self) -> anyhow::Result<()> {
        loop {
            if !self.make_due_calls().await? {
                let until_breaker_moves = match self.provider.breaker() {
                    (State::Open, Some(moves)) => moves,
                    _ => Duration::MAX,
                };
                self.workers.wait(until_breaker_moves).await;
            }
        }
    }

    /// Claims as many due calls as there are workers for; says whether there may be more.
    async fn make_due_calls(&self) -> anyhow::Result<bool> {
        let most = match self.provider.breaker().0 {
            State::Open => return Ok(false),
            State::Closed => usize::MAX,
            State::HalfOpen => TRIALS,
        };
        let permits = self.workers.permits(most).await?;
        let due = calls::claim(self.db.pool(), permits.len(), self.workers.lease()).await?;
        let is_full = due.len() == permits.len();
        for (permit, call) in permits.into_iter().zip(due) {
            self.spawn_call(permit, call);
        }
        Ok(is_full)
    }

    /// Has a worker make a call that is claimed, in the trace and on behalf of the request that it belongs to.
    pub(super) fn spawn_call(&self, permit: OwnedSemaphorePermit, call: Call) {
        let payments = self.clone();
        self.workers.spawn(
            permit,
            Box::pin(async move {
                let span = tracing::info_span!(
                    "provider_call",
                    otel.kind = "internal",
                    payment.id = %call.payment_id,
                    call.kind = call.kind.into_str()
                );
                if let Some(traceparent) = &call.origin.traceparent {
                    telemetry::continue_trace(&span, traceparent);
                }
                let made = Scope::of(call.origin.correlation_id.as_deref(), span).run(payments.make_call(&call)).await;
                made.unwrap_or_else(|error| {
                    tracing::warn!(
                        payment.id = %call.payment_id,
                        error = format!("{:#}", anyhow::Error::from(error)),
                        "An outcome could not be written: the provider will be asked for it."
                    );
                    None
                })
            }),
        );
    }

    /// Makes a call, and writes its outcome or puts it off. Tells after how long it is due again.
    async fn make_call(&self, call: &Call) -> Result<Option<Duration>, Error> {
        let is_charge = matches!(call.kind, CallKind::Charge { .. });
        if call.undoing && !call.begun && is_charge {
            return self.withdraw(call).await.map(|()| None);
        }
        failpoint!("payments.call.before");
        let called = match &call.kind {
            CallKind::Charge { token, method, reference } => {
                let charged = self.call_charge(call, token.as_ref(), method, *reference).await;
                failpoint!("payments.call.after");
                match charged {
                    Ok(outcome) => return self.settle_charge(call.payment_id, outcome).await.map(|()| None),
                    Err(error) => error,
                }
            }
            CallKind::Refund { charge_id } => {
                let refunded = self.call_refund(call, charge_id).await;
                failpoint!("payments.call.after");
                match refunded {
                    Ok(id) => return self.settle_refund(call, Some(&id)).await.map(|()| None),
                    Err(error) => error,
                }
            }
        };
        self.put_off(call, called).await
    }

    async fn put_off(&self, call: &Call, error: CallError) -> Result<Option<Duration>, Error> {
        let (why, begun, pause) = match &error {
            CallError::Refused { retry_after } => ("refused", call.begun, *retry_after),
            CallError::NotDone(_) => ("not_sent", call.begun, self.workers.pause(call.tries)),
            CallError::Unknown(_) => ("unknown", true, self.workers.pause(call.tries)),
            CallError::Rejected(_) => return self.refund_rejected(call, &error).await,
        };
        metrics::counter!(names::PUT_OFF, "reason" => why).increment(1);
        tracing::info!(
            payment.id = %call.payment_id,
            call.kind = call.kind.into_str(),
            call.tries = call.tries,
            error = %error,
            pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            "A call to the provider is put off."
        );
        calls::put_off(self.db.pool(), call, begun, pause).await?;
        Ok(Some(pause))
    }

    /// The provider will not give money back: an operator's refund fails, a saga's is tried until it is made.
    async fn refund_rejected(&self, call: &Call, error: &CallError) -> Result<Option<Duration>, Error> {
        tracing::error!(payment.id = %call.payment_id, refund.id = %call.id, error = %error, "A refund was rejected.");
        let mut connection = self.db.pool().acquire().await?;
        let refund = refunds::by_id(&mut connection, call.id).await?;
        drop(connection);
        if refund.is_some_and(|refund| refund.kind == RefundKind::Compensation) {
            let pause = self.workers.longest_pause();
            calls::put_off(self.db.pool(), call, true, pause).await?;
            return Ok(Some(pause));
        }
        self.settle_refund(call, None).await.map(|()| None)
    }

    /// Counts the calls that have no outcome.
    pub async fn measure(self) -> anyhow::Result<()> {
        let (count, oldest) = calls::unsettled(self.db.pool()).await?;
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!(names::UNSETTLED).set(count as f64);
        metrics::gauge!(names::UNSETTLED_OLDEST).set(oldest);
        Ok(())
    }
}
