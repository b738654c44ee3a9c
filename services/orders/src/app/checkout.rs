//! The saga that brings an order from placed to confirmed, or undoes everything.
//!
//! `open_order` (done when the order is placed) → `reserve_stock` (inventory) → `charge_payment`
//! (payments) → `confirm_order`. On the way back: refund, release, and last the order is rejected or
//! cancelled. A confirmed order can still be called off, until it is shipped.

use super::record::{Recorded, load, record};
use crate::domain::PaymentMethod;
use crate::domain::order::Event;
use crate::store::{events, sales};
use crate::{config, domain, metrics as names};
use anyhow::Context as _;
use contracts::command::checkout::{
    ChargePayment, PaymentChargedAnswer, PaymentMethodKind, RefundPayment, ReleaseStock, ReserveStock, StockItem,
    StockReservedAnswer,
};
use contracts::event::orders::CancelledBy;
use contracts::money::Money;
use contracts::rest::orders::OrderStatus;
use saga::{Batch, Cause, Definition, Local, Member, Step, Verdict};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// The saga, with its patience.
#[derive(Debug, Clone, Copy)]
pub struct Checkout(pub config::Checkout);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckoutData {
    order_id: Uuid,
    customer_id: Uuid,
    auth_user_id: Uuid,
    items: Vec<StockItem>,
    total: Money,
    /// Forgotten as soon as it was charged, or the order is given up: the saga outlives an erasure.
    payment: Option<Payment>,
    payment_id: Option<Uuid>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Payment {
    provider_token: String,
    method: PaymentMethodKind,
    last_four: Option<String>,
}

/// Shows no token.
impl std::fmt::Debug for Payment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payment({})", self.method.into_str())
    }
}

impl From<PaymentMethod> for Payment {
    fn from(method: PaymentMethod) -> Self {
        Self { provider_token: method.provider_token, method: method.kind, last_four: method.last_four }
    }
}

impl CheckoutData {
    /// What the checkout of an order begins with.
    #[must_use]
    pub fn new(order: &domain::Order, payment: Payment) -> Self {
        let items = order.items.iter();
        let item = |item: &contracts::event::orders::OrderItem| StockItem {
            inventory_product_id: item.inventory_product_id,
            quantity: item.quantity,
        };
        Self {
            order_id: order.id,
            customer_id: order.customer_id,
            auth_user_id: order.auth_user_id,
            items: items.map(item).collect(),
            total: order.total,
            payment: Some(payment),
            payment_id: None,
        }
    }
}

impl Definition for Checkout {
    const KIND: &'static str = "checkout";
    type Data = CheckoutData;

    fn deadline(&self) -> Duration {
        self.0.deadline()
    }

    fn steps(&self) -> Vec<Step<CheckoutData>> {
        let Self(patience) = self;
        vec![
            Step::begun("open_order").undone_by_local(|local| Box::pin(give_up_order(local))),
            Step::remote("reserve_stock", |step, data: &CheckoutData| ReserveStock {
                step,
                orders_order_id: data.order_id,
                items: data.items.clone(),
            })
            .answered(|_, _: StockReservedAnswer| {})
            .undone_by(|step, data| ReleaseStock { step, orders_order_id: data.order_id })
            .timeout(patience.reserve())
            .tries(patience.tries),
            Step::remote("charge_payment", charge)
                .answered(|data, answer: PaymentChargedAnswer| data.payment_id = Some(answer.payment_id))
                .undone_by(|step, data| RefundPayment { step, orders_order_id: data.order_id })
                .timeout(patience.charge())
                .tries(patience.tries),
            Step::local_batched("confirm_order", |batch| Box::pin(confirm_orders(batch))),
        ]
    }
}

fn charge(step: contracts::command::StepRef, data: &CheckoutData) -> ChargePayment {
    // It is there for as long as this step can be tried.
    let payment = data.payment.clone();
    let payment =
        payment.unwrap_or(Payment { provider_token: String::new(), method: PaymentMethodKind::Pix, last_four: None });
    ChargePayment {
        step,
        orders_order_id: data.order_id,
        orders_customer_id: data.customer_id,
        auth_user_id: data.auth_user_id,
        amount: data.total,
        provider_token: payment.provider_token,
        method: payment.method,
        last_four: payment.last_four,
    }
}

async fn confirm_orders(batch: Batch<'_, CheckoutData>) -> anyhow::Result<Vec<Verdict>> {
    let Batch { tx, sagas } = batch;
    let ids: Vec<_> = sagas.iter().map(|saga| saga.data.order_id).collect();
    let mut orders = events::load_all(tx, &ids, None).await?;
    let (mut confirmed, mut verdicts) = (Vec::new(), Vec::new());
    for Member { data, scope, .. } in sagas {
        let payment_id = data.payment_id.context("a payment that was charged has no id")?;
        let order = orders.remove(&data.order_id).context("an order that was placed is gone")?;
        verdicts.push(match order.confirm(payment_id) {
            Ok(event) => {
                confirmed.push(scope.run(async { Recorded::new(Some(order), &event) }).await?);
                data.payment = None;
                Verdict::Done
            }
            Err(refused) => Verdict::refused("conflict", refused.to_string()),
        });
    }
    let orders = Recorded::store(tx, confirmed, &[]).await?;
    chassis::failpoint!("orders.confirm.after_order");
    sales::count(tx, &orders, 1).await?;
    chassis::failpoint!("orders.confirm.after_sales");
    for order in &orders {
        let took = (order.updated_at - order.placed_at).to_std().unwrap_or_default();
        tx.on_commit(move || metrics::histogram!(names::CONFIRMATION).record(took.as_secs_f64()));
    }
    Ok(verdicts)
}

/// The last that is undone: the order itself.
async fn give_up_order(local: Local<'_, CheckoutData>) -> anyhow::Result<()> {
    let Local { tx, data, cause, .. } = local;
    data.payment = None;
    let order = load(tx, data.order_id).await?;
    if order.status.is_final() {
        return Ok(());
    }
    let was_sold = order.status == OrderStatus::Confirmed;
    let event = ending(&order, cause)?;
    let order = record(tx, order, event).await?;
    chassis::failpoint!("orders.give_up.after_order");
    if was_sold {
        sales::count(tx, &[order], -1).await?;
        chassis::failpoint!("orders.give_up.after_sales");
    }
    Ok(())
}

/// How an order ends whose checkout is undone.
fn ending(order: &domain::Order, cause: Option<&Cause>) -> anyhow::Result<Event> {
    if let Some(wish) = &order.cancellation {
        return Ok(order.cancel(wish.by, wish.reason.clone())?);
    }
    let (code, message) = cause.map_or(("failed", ""), |cause| (&cause.code, &cause.message));
    let by = cause.and_then(|cause| cause.by.as_deref());
    let event = match code {
        Cause::TIMEOUT | Cause::DEADLINE => order.cancel(CancelledBy::Deadline, None)?,
        _ if by == Some(&*order.auth_user_id.to_string()) => order.cancel(CancelledBy::Buyer, None)?,
        _ if code == Cause::CANCELLED || order.status == OrderStatus::Confirmed => {
            order.cancel(CancelledBy::Operator, None)?
        }
        "declined" => {
            let detail = format!("The payment was declined ({message}). Order again with another payment method.");
            order.reject("payment_declined".to_owned(), detail)?
        }
        other => order.reject(other.to_owned(), message.to_owned())?,
    };
    Ok(event)
}
