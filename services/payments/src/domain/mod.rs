//! What payments, refunds and signatures are. No I/O.

mod origin;
mod payment;
mod refund;
mod signature;

use contracts::command::StepRef;
pub use origin::Origin;
pub use payment::{ChargeOutcome, KnownStep, Payment, Status, Undo, reason};
pub use refund::{Refund, RefundKind, RefundStatus};
pub use signature::{Signature, SignatureError};
use std::time::Duration;
use uuid::Uuid;

/// How long a worker's claim on a call holds, and which claim it is.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub id: Uuid,
    pub length: Duration,
}

/// The provider's idempotency key of a charge: one per saga and step.
#[must_use]
pub fn charge_key(saga_id: Uuid, step: &str) -> String {
    format!("{saga_id}:{step}")
}

#[must_use]
pub fn refund_key(refund_id: Uuid) -> String {
    format!("refund:{refund_id}")
}

#[must_use]
pub fn read_charge_key(key: &str) -> Option<(Uuid, &str)> {
    let (saga, step) = key.split_once(':')?;
    Some((saga.parse().ok()?, step))
}

#[must_use]
pub fn read_refund_key(key: &str) -> Option<Uuid> {
    key.strip_prefix("refund:")?.parse().ok()
}

/// Whether `step` is a later attempt than `known`, or the same.
#[must_use]
pub fn is_newer(step: &StepRef, known: Option<&StepRef>) -> bool {
    known.is_none_or(|known| step.attempt >= known.attempt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_back_to_what_they_are_of() {
        let id = Uuid::now_v7();
        assert_eq!(read_charge_key(&charge_key(id, "charge_payment")), Some((id, "charge_payment")));
        assert_eq!(read_refund_key(&refund_key(id)), Some(id));
        assert_eq!(read_charge_key(&refund_key(id)), None);
        assert_eq!(read_refund_key(&charge_key(id, "refund")), None);
    }

    #[test]
    fn only_an_attempt_that_is_not_older_counts() {
        let attempt = |attempt| StepRef {
            saga_id: Uuid::nil(),
            step: "charge_payment".to_owned(),
            direction: contracts::command::Direction::Forward,
            attempt,
            reply_to: "orders.saga.replied".to_owned(),
        };
        let newer = |step, known| is_newer(&attempt(step), Some(&attempt(known)));
        assert!(is_newer(&attempt(1), None) && newer(2, 2) && newer(3, 2));
        assert!(!newer(1, 2));
    }
}
