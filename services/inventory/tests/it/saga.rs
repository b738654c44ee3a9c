//! The other side: what orders would send, and the replies that it would read.

use crate::world::PATIENCE;
use chassis::messaging::{
    Broker, Consumer, HandleError, Handler, Message, Outgoing, Publisher, Subscription, ledger,
    stream::{Reader, Start},
};
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
use kit::Sandbox;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Where replies are to go.
const REPLY_TO: &str = "orders.saga.replied";

pub(crate) struct Orders {
    broker: Broker,
    publisher: Publisher,
    replies: Replies,
    end: CancellationToken,
}

#[derive(Clone, Default)]
struct Replies(Arc<Mutex<Vec<Replied>>>);

impl Handler for Replies {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        let reply = message.decode::<Replied>()?.data;
        self.0.lock().unwrap().push(reply);
        Ok(())
    }
}

impl Orders {
    /// Listens for replies from now on.
    pub(crate) async fn new(sandbox: &Sandbox) -> Self {
        let broker = Broker::new(&sandbox.amqp("orders").into(), "orders");
        let (replies, end) = (Replies::default(), CancellationToken::new());
        let subscription = Subscription::to_commands("orders.saga", [REPLY_TO]);
        let consumer = Consumer::new(&broker, subscription, ledger::memory(async || Ok(())), replies.clone());
        consumer.declare().await.unwrap();
        tokio::spawn(consumer.run(end.clone()));
        Self { publisher: broker.publisher(), broker, replies, end }
    }

    /// Publishes a message, once the queues for it are there.
    pub(crate) async fn send(&self, message: Outgoing) {
        let taken = async || Ok(Some(self.publisher.publish(message.clone()).await?));
        kit::eventually(PATIENCE, "the broker to take a message", taken).await.unwrap();
    }

    /// Sends a command to reserve, and waits for the reply to this attempt.
    pub(crate) async fn reserve(&self, saga: Uuid, attempt: u32, items: &[(Uuid, u32)]) -> Outcome {
        let command = reserve(saga, attempt, items);
        let step = command.step.clone();
        self.send(Outgoing::command(command).unwrap()).await;
        self.reply(&step).await
    }

    /// Sends a command to release, and waits for the reply to this attempt.
    pub(crate) async fn release(&self, saga: Uuid, attempt: u32) -> Outcome {
        let command = release(saga, attempt);
        let step = command.step.clone();
        self.send(Outgoing::command(command).unwrap()).await;
        self.reply(&step).await
    }

    /// Tells that the saga's order is confirmed; what came is what is returned, to be told again.
    pub(crate) async fn confirm(&self, saga: Uuid) -> Event<OrderConfirmed> {
        let event = confirmed(saga);
        self.send(Outgoing::event(event.clone()).unwrap()).await;
        event
    }

    pub(crate) async fn reply(&self, step: &StepRef) -> Outcome {
        let found = kit::eventually(PATIENCE, "the reply", async || Ok(self.replies_to(step).pop()));
        found.await.unwrap()
    }

    pub(crate) fn replies_to(&self, step: &StepRef) -> Vec<Outcome> {
        let replies = self.replies.0.lock().unwrap();
        replies.iter().filter(|reply| reply.step == *step).map(|reply| reply.outcome.clone()).collect()
    }

    /// All replies so far.
    pub(crate) fn replies(&self) -> Vec<Replied> {
        self.replies.0.lock().unwrap().clone()
    }

    /// The first `count` different events of products in the log: type and version, by product.
    pub(crate) async fn log(&self, product: Uuid, count: usize) -> Vec<(String, u64)> {
        let (mut reader, mut seen, mut events) = (Reader::open(&self.broker, EVENTS_LOG, Start::First), vec![], vec![]);
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

impl Drop for Orders {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

fn step(saga_id: Uuid, direction: Direction, attempt: u32) -> StepRef {
    StepRef { saga_id, step: "reserve_stock".to_owned(), direction, attempt, reply_to: REPLY_TO.to_owned() }
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
