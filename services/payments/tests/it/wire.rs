//! Orders' side of the broker: its commands, and all that payments tells.

use contracts::{
    command::{Direction, StepRef, checkout::*},
    event::TYPES,
    money::{Currency, Money},
};
use harness::FakePeer;
use kit::Sandbox;
use uuid::Uuid;

/// Listens before payments can say anything.
pub(crate) async fn open(sandbox: &Sandbox) -> FakePeer {
    let orders = FakePeer::new(sandbox, "orders").await;
    orders.hear_events(TYPES.iter().copied().filter(|kind| kind.starts_with("payments."))).await;
    orders
}

pub(crate) fn charge(token: &str, minor: i64) -> ChargePayment {
    ChargePayment {
        step: StepRef {
            saga_id: Uuid::now_v7(),
            step: "charge_payment".to_owned(),
            direction: Direction::Forward,
            attempt: 1,
            reply_to: "orders.saga.replied".to_owned(),
        },
        orders_order_id: Uuid::now_v7(),
        orders_customer_id: Uuid::now_v7(),
        auth_user_id: Uuid::now_v7(),
        amount: Money::new(minor, Currency::BRL),
        provider_token: token.to_owned(),
        method: PaymentMethodKind::CreditCard,
        last_four: Some("4242".to_owned()),
    }
}

pub(crate) fn undo(charge: &ChargePayment) -> RefundPayment {
    let step = StepRef { direction: Direction::Backward, ..charge.step.clone() };
    RefundPayment { step, orders_order_id: charge.orders_order_id }
}

/// The same command, asked for another time.
pub(crate) fn attempt(command: &ChargePayment, attempt: u32) -> ChargePayment {
    ChargePayment { step: StepRef { attempt, ..command.step.clone() }, ..command.clone() }
}
