//! Webhooks: what the provider tells us by itself. They may settle what we have not asked for yet.

use super::charge::{charge_outcome, settle_charges};
use super::refund::settle_refund;
use super::{INTERRUPTED, Payments};
use crate::domain::{Payment, RefundStatus, Signature, SignatureError, Status, read_charge_key, read_refund_key};
use crate::error::Error;
use crate::metrics as names;
use crate::provider::{Charge, Event, Refund};
use crate::store::{payments, provider_events, refunds};
use chassis::batcher::Batcher;
use chassis::failpoint;
use chrono::Utc;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long a webhook waits. Mostly it tells what the answer to our own call says, too, and that is being written at
/// this very moment: then there is nothing left to do for it.
const ANSWER_FIRST: Duration = Duration::from_millis(100);

/// The payments that webhooks tell of, by saga and step: those that are asked for while others are being read are read
/// together.
pub(super) type PaymentLookup = Batcher<(Uuid, String), Option<Payment>, Error>;

impl Payments {
    /// Hears a webhook: verified, and with an effect once.
    pub async fn hear(&self, signature: Option<&str>, body: &[u8]) -> Result<(), Error> {
        let heard = self.hear_verified(signature, body).await;
        let outcome = heard.as_ref().map_or("refused", |outcome| outcome);
        metrics::counter!(names::WEBHOOKS, "outcome" => outcome).increment(1);
        heard.map(drop)
    }

    async fn hear_verified(&self, signature: Option<&str>, body: &[u8]) -> Result<&'static str, Error> {
        let signature = signature.and_then(Signature::parse).ok_or(Error::BadSignature)?;
        let secret = self.provider.secret().expose_secret().as_bytes();
        let verified = signature.verify(secret, body, Utc::now().timestamp(), self.tolerance_seconds);
        verified.map_err(|error| match error {
            SignatureError::Bad => Error::BadSignature,
            SignatureError::TooOld => Error::TooOld,
        })?;
        let event: Event = serde_json::from_slice(body).map_err(Error::Unreadable)?;
        chassis::http::log_fields::add("event_id", event.id.as_str());
        tokio::time::sleep(ANSWER_FIRST).await;
        match event.kind.as_str() {
            "charge.captured" | "charge.declined" => self.hear_of_charge(&event).await,
            "refund.succeeded" => self.hear_of_refund(&event).await,
            // The provider may tell of more one day.
            _ => Ok("ignored"),
        }
    }

    async fn hear_of_charge(&self, event: &Event) -> Result<&'static str, Error> {
        let charge: Charge = serde_json::from_value(event.data.clone()).map_err(Error::Unreadable)?;
        let Some((saga_id, step)) = read_charge_key(&charge.idempotency_key) else { return Ok("ignored") };
        let Some(payment) = self.payment_of_step(saga_id, step).await? else { return Ok("ignored") };
        if payment.amount != charge.amount {
            tracing::error!(payment.id = %payment.id, "A webhook tells of another amount than was asked for.");
            return Ok("ignored");
        }
        // Nothing is to be written then, however often this comes.
        if payment.status != Status::Pending {
            return Ok("known");
        }
        let mut tx = self.db.begin().await?;
        if !provider_events::accept(&mut tx, &event.id).await? {
            return Ok("replayed");
        }
        failpoint!("payments.webhook.after_event");
        let settled = settle_charges(&mut tx, &[(payment.id, charge_outcome(charge))]).await?;
        failpoint!("payments.webhook.before_commit");
        tx.commit().await?;
        self.wake_for(&settled);
        Ok(if settled.is_empty() { "known" } else { "settled" })
    }

    async fn hear_of_refund(&self, event: &Event) -> Result<&'static str, Error> {
        let made: Refund = serde_json::from_value(event.data.clone()).map_err(Error::Unreadable)?;
        let Some(id) = read_refund_key(&made.idempotency_key) else { return Ok("ignored") };
        let mut tx = self.db.begin().await?;
        let Some(refund) = refunds::by_id(&mut tx, id).await? else { return Ok("ignored") };
        if refund.amount != made.amount {
            tracing::error!(refund.id = %id, "A webhook tells of another amount than was to be given back.");
            return Ok("ignored");
        }
        if refund.status != RefundStatus::Pending {
            return Ok("known");
        }
        if !provider_events::accept(&mut tx, &event.id).await? {
            return Ok("replayed");
        }
        failpoint!("payments.webhook.after_event");
        let settled = settle_refund(&mut tx, refund.payment_id, id, Some(&made.id)).await?;
        tx.commit().await?;
        self.workers.wake();
        Ok(if settled { "settled" } else { "known" })
    }

    async fn payment_of_step(&self, saga_id: Uuid, step: &str) -> Result<Option<Payment>, Error> {
        let pool = self.db.pool().clone();
        let read = self.lookups.join((saga_id, step.to_owned()), move |steps: Vec<Arc<(Uuid, String)>>| {
            let pool = pool.clone();
            async move {
                let found = payments::by_steps(&pool, &steps).await?;
                let of =
                    |step: &(Uuid, String)| found.iter().find(|it| it.saga_id == step.0 && it.step == step.1).cloned();
                Ok(steps.iter().map(|step| of(step)).collect())
            }
        });
        read.await.unwrap_or(Err(INTERRUPTED))
    }
}
