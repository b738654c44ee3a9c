//! A payment: one charge for one step of one saga, and what was given back of it.

use super::Origin;
use chrono::{DateTime, Utc};
use contracts::command::checkout::{PaymentChargedAnswer, PaymentMethodKind};
use contracts::command::{Outcome, StepRef};
use contracts::money::Money;
use uuid::Uuid;

/// Reasons to decline that are ours; all others are the provider's.
pub mod reason {
    /// The customer was erased before the provider was called.
    pub const CUSTOMER_ERASED: &str = "customer_erased";
    /// The provider found the request itself not acceptable.
    pub const REJECTED: &str = "rejected_by_provider";
    /// The amount is none that can be charged.
    pub const INVALID_AMOUNT: &str = "invalid_amount";
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Status {
    /// The provider's answer is not known.
    Pending,
    Captured,
    Declined,
    /// Undone before the provider was called.
    Undone,
}

/// What the database knows of a saga's step.
#[derive(Debug, Clone)]
pub enum KnownStep {
    /// It was undone before it came.
    Tombstone,
    Payment(Box<Payment>),
}

#[derive(Debug, Clone)]
pub struct Payment {
    pub id: Uuid,
    pub saga_id: Uuid,
    pub step: String,
    pub status: Status,
    pub orders_order_id: Uuid,
    pub orders_customer_id: Uuid,
    pub auth_user_id: Uuid,
    pub amount: Money,
    pub method: PaymentMethodKind,
    pub last_four: Option<String>,
    pub provider_charge_id: Option<String>,
    pub decline_reason: Option<String>,
    /// How much was given back, in minor units.
    pub refunded_minor: i64,
    /// Of its last event.
    pub version: i64,
    pub charge_step: StepRef,
    pub undo_step: Option<StepRef>,
    /// Where its outcome comes from.
    pub origin: Origin,
    pub created_at: DateTime<Utc>,
    pub settled_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeOutcome {
    Captured {
        charge_id: String,
    },
    /// It was not, and never will be.
    Declined {
        reason: String,
    },
}

/// What is next for a captured payment that is to be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// A refund under way must end first: what is left depends on it.
    Wait,
    /// So much is to be given back.
    Refund(Money),
    Done,
}

impl Payment {
    #[must_use]
    pub fn is_chargeable(&self) -> bool {
        self.amount.minor > 0
    }

    #[must_use]
    pub fn refunded(&self) -> Money {
        Money::new(self.refunded_minor, self.amount.currency)
    }

    /// How much can still be given back, while refunds of `under_way` minor units are under way.
    #[must_use]
    pub fn left(&self, under_way: i64) -> Money {
        Money::new(self.amount.minor - self.refunded_minor - under_way, self.amount.currency)
    }

    /// What is next while it is undone and refunds of `under_way` minor units are under way.
    #[must_use]
    pub fn undo(&self, under_way: i64) -> Undo {
        let left = self.left(under_way);
        match (under_way, left.minor) {
            (1.., _) => Undo::Wait,
            (_, 1..) => Undo::Refund(left),
            _ => Undo::Done,
        }
    }

    /// What the saga is told of the charge; nothing while the outcome is not known.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.status {
            Status::Pending => None,
            Status::Captured => {
                let answer = PaymentChargedAnswer { payment_id: self.id };
                Some(Outcome::Done { answer: serde_json::to_value(answer).unwrap_or_default() })
            }
            Status::Declined => {
                let message = self.decline_reason.clone().unwrap_or_default();
                Some(Outcome::Refused { code: "declined".to_owned(), message })
            }
            Status::Undone => Some(undone()),
        }
    }
}

impl KnownStep {
    /// What the saga is told of the charge; nothing while the outcome is not known.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Tombstone => Some(undone()),
            Self::Payment(payment) => payment.outcome(),
        }
    }
}

fn undone() -> Outcome {
    Outcome::Refused { code: "undone".to_owned(), message: "The charge was cancelled before it came.".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::command::Direction;
    use contracts::money::Currency;
    use proptest::prelude::*;

    fn payment(amount: i64, refunded_minor: i64) -> Payment {
        let step = StepRef {
            saga_id: Uuid::nil(),
            step: "charge_payment".to_owned(),
            direction: Direction::Forward,
            attempt: 1,
            reply_to: "orders.saga.replied".to_owned(),
        };
        Payment {
            id: Uuid::nil(),
            saga_id: Uuid::nil(),
            step: step.step.clone(),
            status: Status::Captured,
            orders_order_id: Uuid::nil(),
            orders_customer_id: Uuid::nil(),
            auth_user_id: Uuid::nil(),
            amount: Money::new(amount, Currency::BRL),
            method: PaymentMethodKind::Pix,
            last_four: None,
            provider_charge_id: Some("ch".to_owned()),
            decline_reason: None,
            refunded_minor,
            version: 1,
            charge_step: step,
            undo_step: None,
            origin: Origin::default(),
            created_at: Utc::now(),
            settled_at: None,
        }
    }

    #[test]
    fn what_is_left_is_neither_given_back_nor_on_its_way() {
        let payment = payment(100, 30);
        let minors = [0, 20, 70].map(|under_way| payment.left(under_way).minor);
        assert_eq!((payment.refunded().minor, minors), (30, [70, 50, 0]));
    }

    #[test]
    fn the_saga_is_told_what_became_of_a_charge() {
        let told = |status| Payment { status, decline_reason: Some("no".to_owned()), ..payment(100, 0) }.outcome();
        let refused =
            |code: &str, message: &str| Some(Outcome::Refused { code: code.to_owned(), message: message.to_owned() });
        assert_eq!(told(Status::Pending), None);
        let answer = serde_json::json!({ "payment_id": Uuid::nil() });
        assert_eq!(told(Status::Captured), Some(Outcome::Done { answer }));
        assert_eq!(told(Status::Declined), refused("declined", "no"));
        let undone = refused("undone", "The charge was cancelled before it came.");
        assert_eq!((told(Status::Undone), KnownStep::Tombstone.outcome()), (undone.clone(), undone));
        let known = KnownStep::Payment(Box::new(payment(100, 0)));
        assert_eq!(known.outcome(), payment(100, 0).outcome());
    }

    proptest! {
        #[test]
        fn undoing_ends_with_everything_given_back(
            amount in 1_i64..1_000_000,
            refunds in proptest::collection::vec((1_i64..500_000, any::<bool>()), 0..8),
        ) {
            let mut payment = payment(amount, 0);
            for (minor, succeeds) in refunds {
                if minor <= payment.left(0).minor {
                    prop_assert_eq!(payment.undo(minor), Undo::Wait);
                    payment.refunded_minor += if succeeds { minor } else { 0 };
                }
            }
            if let Undo::Refund(rest) = payment.undo(0) {
                payment.refunded_minor += rest.minor;
            }
            prop_assert_eq!(payment.refunded_minor, amount);
            prop_assert_eq!(payment.undo(0), Undo::Done);
        }
    }
}
