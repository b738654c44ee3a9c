//! The other side: what orders would send, and the replies that it would read.

use contracts::{
    amqp::EVENTS_LOG,
    command::{
        Direction, Outcome, Replied, StepRef,
        checkout::{ReleaseStock, ReserveStock, StockItem, StockReservedAnswer},
    },
    envelope::Event,
    event::orders::OrderConfirmed,
    money::{Currency, Money},
};
use harness::{FakePeer, PATIENCE};
use kit::Sandbox;
use messaging::stream::{Reader, Start};
use std::ops::Deref;
use uuid::Uuid;

pub(crate) struct Orders(FakePeer);

impl Deref for Orders {
    type Target = FakePeer;

    fn deref(&self) -> &FakePeer {
        &self.0
    }
}

impl Orders {
    /// Listens for replies from now on.
    pub(crate) async fn new(sandbox: &Sandbox) -> Self {
        Self(FakePeer::new(sandbox, "orders").await)
    }

    /// Sends a command to reserve, and waits for the reply to this attempt.
    pub(crate) async fn reserve(&self, saga: Uuid, attempt: u32, items: &[(Uuid, u32)]) -> Outcome {
        self.ask(&reserve(saga, attempt, items)).await
    }

    /// Sends a command to release, and waits for the reply to this attempt.
    pub(crate) async fn release(&self, saga: Uuid, attempt: u32) -> Outcome {
        self.ask(&release(saga, attempt)).await
    }

    /// Tells that the saga's order is confirmed; what came is what is returned, to be told again.
    pub(crate) async fn confirm(&self, saga: Uuid) -> Event<OrderConfirmed> {
        let event = confirmed(saga);
        self.event(event.clone()).await;
        event
    }

    pub(crate) fn replies_to(&self, step: &StepRef) -> Vec<Outcome> {
        self.heard(|reply: &Replied| reply.step == *step).into_iter().map(|reply| reply.outcome).collect()
    }

    /// All replies so far.
    pub(crate) fn replies(&self) -> Vec<Replied> {
        self.heard(|_| true)
    }

    /// The first `count` different events of products in the log: type and version, by product.
    pub(crate) async fn log(&self, product: Uuid, count: usize) -> Vec<(String, u64)> {
        let mut reader = Reader::open(self.broker(), EVENTS_LOG, Start::First);
        let (mut seen, mut events) = (vec![], vec![]);
        let reading = async {
            while events.len() < count {
                let message = reader.next().await.unwrap().message;
                if message.subject == product.to_string() && !seen.contains(&message.id) {
                    seen.push(message.id);
                    events.push((message.kind.clone(), message.version));
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("events in the log");
        events
    }
}

fn step(saga_id: Uuid, direction: Direction, attempt: u32) -> StepRef {
    let (step, reply_to) = ("reserve_stock".to_owned(), "orders.saga.replied".to_owned());
    StepRef { saga_id, step, direction, attempt, reply_to }
}

pub(crate) fn reserve(saga: Uuid, attempt: u32, items: &[(Uuid, u32)]) -> ReserveStock {
    let items = items.iter().map(|(id, quantity)| StockItem { inventory_product_id: *id, quantity: *quantity });
    let step = step(saga, Direction::Forward, attempt);
    ReserveStock { step, orders_order_id: saga, items: items.collect() }
}

pub(crate) fn release(saga: Uuid, attempt: u32) -> ReleaseStock {
    ReleaseStock { step: step(saga, Direction::Backward, attempt), orders_order_id: saga }
}

pub(crate) fn confirmed(saga: Uuid) -> Event<OrderConfirmed> {
    let data = OrderConfirmed {
        order_id: saga,
        customer_id: Uuid::now_v7(),
        total: Money::new(4_990, Currency::BRL),
        payments_payment_id: Uuid::now_v7(),
        shortener_short_code: None,
        confirmed_at: chrono::Utc::now(),
    };
    Event::new(saga.to_string(), 2, data)
}

/// The reservation that was answered.
#[track_caller]
pub(crate) fn reserved(outcome: &Outcome) -> Uuid {
    let Outcome::Done { answer } = outcome else { panic!("{outcome:?}") };
    let answer: StockReservedAnswer = serde_json::from_value(answer.clone()).unwrap();
    answer.reservation_id
}

/// The code and message of a refusal.
#[track_caller]
pub(crate) fn refused(outcome: &Outcome) -> (&str, &str) {
    let Outcome::Refused { code, message } = outcome else { panic!("{outcome:?}") };
    (code, message)
}

/// It is done, with nothing to tell.
#[track_caller]
pub(crate) fn done(outcome: &Outcome) {
    assert_eq!(*outcome, Outcome::Done { answer: serde_json::Value::Null });
}
