//! The saga under test: a checkout on one small table of orders.

use contracts::command::{
    Direction, StepRef,
    checkout::{
        ChargePayment, PaymentChargedAnswer, PaymentMethodKind, RefundPayment, ReleaseStock, ReserveStock,
        StockReservedAnswer,
    },
};
use contracts::envelope::EventData as _;
use contracts::money::{Currency, Money};
use saga::{Batch, Definition, Local, Step, Verdict};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

pub(crate) const TABLE: &str = "CREATE TABLE orders (id uuid PRIMARY KEY, status text NOT NULL, cause text,
    confirmations integer NOT NULL DEFAULT 0)";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Data {
    pub(crate) order_id: Uuid,
    #[serde(default)]
    pub(crate) reservation_id: Option<Uuid>,
    #[serde(default)]
    pub(crate) payment_id: Option<Uuid>,
}

#[derive(Clone)]
pub(crate) struct Checkout {
    pub(crate) timeout: Duration,
    pub(crate) deadline: Duration,
    /// How often `confirm_order` fails after its write before it works.
    pub(crate) failures: Arc<AtomicU32>,
    /// The orders that `confirm_order` refuses.
    pub(crate) refused: Arc<Mutex<HashSet<Uuid>>>,
    /// Whether `confirm_order` fails for several at once.
    pub(crate) alone: Arc<AtomicBool>,
    /// For which sagas `confirm_order` was run at once: the replies on whose behalf.
    pub(crate) batches: Arc<Mutex<Vec<Vec<Uuid>>>>,
}

impl Default for Checkout {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(20),
            deadline: Duration::from_secs(120),
            failures: Arc::default(),
            refused: Arc::default(),
            alone: Arc::default(),
            batches: Arc::default(),
        }
    }
}

impl Definition for Checkout {
    const KIND: &'static str = "checkout";
    type Data = Data;

    fn steps(&self) -> Vec<Step<Data>> {
        let checkout = self.clone();
        vec![
            Step::begun("open_order").undone_by_local(|local| Box::pin(give_up(local))),
            Step::remote("reserve_stock", reserve)
                .answered(|data, answer: StockReservedAnswer| data.reservation_id = Some(answer.reservation_id))
                .undone_by(|step, data: &Data| ReleaseStock { step, orders_order_id: data.order_id })
                .timeout(self.timeout)
                .tries(2),
            Step::remote("charge_payment", charge)
                .answered(|data, answer: PaymentChargedAnswer| data.payment_id = Some(answer.payment_id))
                .undone_by(|step, data: &Data| RefundPayment { step, orders_order_id: data.order_id })
                .timeout(self.timeout)
                .tries(2),
            Step::local_batched("confirm_order", move |batch| Box::pin(checkout.clone().confirm(batch))),
        ]
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }
}

fn reserve(step: StepRef, data: &Data) -> ReserveStock {
    ReserveStock { step, orders_order_id: data.order_id, items: vec![] }
}

fn charge(step: StepRef, data: &Data) -> ChargePayment {
    ChargePayment {
        step,
        orders_order_id: data.order_id,
        orders_customer_id: Uuid::nil(),
        auth_user_id: Uuid::nil(),
        amount: Money::new(4_990, Currency::BRL),
        provider_token: "tok_1".to_owned(),
        method: PaymentMethodKind::Pix,
        last_four: None,
    }
}

impl Checkout {
    async fn confirm(self, batch: Batch<'_, Data>) -> anyhow::Result<Vec<Verdict>> {
        let fails = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let (mut causes, mut verdicts) = (Vec::new(), Vec::new());
        for saga in &batch.sagas {
            let Data { order_id, reservation_id, payment_id } = &*saga.data;
            assert!(reservation_id.is_some() && payment_id.is_some(), "the answers were learnt");
            causes.extend(saga.scope.run(async { messaging::cause() }).await);
            let is_refused = self.refused.lock().unwrap().contains(order_id);
            verdicts.push(if is_refused { Verdict::refused("too_late", "the shop is closed") } else { Verdict::Done });
        }
        self.batches.lock().unwrap().push(causes);
        let ids: Vec<_> = batch.sagas.iter().map(|saga| saga.data.order_id).collect();
        sqlx::query("UPDATE orders SET status = 'confirmed', confirmations = confirmations + 1 WHERE id = ANY($1)")
            .bind(ids)
            .execute(&mut **batch.tx)
            .await?;
        let is_lot = verdicts.len() > 1 && self.alone.load(Ordering::SeqCst);
        anyhow::ensure!(!fails && !is_lot, "confirming failed");
        Ok(verdicts)
    }
}

async fn give_up(local: Local<'_, Data>) -> anyhow::Result<()> {
    let cause = local.cause.expect("a saga turns back for a reason");
    sqlx::query("UPDATE orders SET status = 'given_up', cause = $2 WHERE id = $1")
        .bind(local.data.order_id)
        .bind(&cause.code)
        .execute(&mut **local.tx)
        .await?;
    Ok(())
}

/// What participants are told.
pub(crate) const COMMANDS: [&str; 4] =
    [ReserveStock::TYPE, ReleaseStock::TYPE, ChargePayment::TYPE, RefundPayment::TYPE];

/// The two participants' steps.
pub(crate) const RESERVE: (&str, Direction) = ("reserve_stock", Direction::Forward);
pub(crate) const RELEASE: (&str, Direction) = ("reserve_stock", Direction::Backward);
pub(crate) const CHARGE: (&str, Direction) = ("charge_payment", Direction::Forward);
pub(crate) const REFUND: (&str, Direction) = ("charge_payment", Direction::Backward);
