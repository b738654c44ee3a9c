//! Orders' side of the broker: commands and events in, replies and events out.

use chassis::messaging::{Broker, Consumer, HandleError, Handler, Message, Outgoing, Publisher, Subscription, ledger};
use contracts::{
    command::{Command, Direction, Outcome, Replied, StepRef, checkout::*},
    envelope::{Event, EventData},
    event::TYPES,
    money::{Currency, Money},
};
use kit::Sandbox;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Everything that came, in the order in which it came.
type Heard = Arc<Mutex<Vec<Message>>>;

pub(crate) struct Wire {
    publisher: Publisher,
    heard: Heard,
}

struct Listen(Heard);

impl Handler for Listen {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        let mut heard = self.0.lock().unwrap();
        if !heard.iter().any(|known| known.id == message.id) {
            heard.push(message.clone());
        }
        Ok(())
    }
}

impl Wire {
    /// Listens before payments can say anything.
    pub(crate) async fn open(sandbox: &Sandbox, shutdown: &CancellationToken) -> Self {
        let broker = Broker::new(&sandbox.amqp("orders").into(), "orders");
        let heard = Heard::default();
        let replies = Subscription::to_commands("orders.replies", ["orders.saga.replied"]).partitions(1);
        let told = TYPES.iter().copied().filter(|kind| kind.starts_with("payments."));
        let events = Subscription::new("orders.payments", told).partitions(1);
        for subscription in [replies, events] {
            let consumer =
                Consumer::new(&broker, subscription, ledger::memory(async || Ok(())), Listen(Arc::clone(&heard)));
            consumer.declare().await.unwrap();
            let end = shutdown.clone();
            tokio::spawn(async move { consumer.run(end).await });
        }
        Self { publisher: broker.publisher(), heard }
    }

    pub(crate) async fn command<T: Command + Clone>(&self, command: &T) {
        self.publish(Outgoing::command(command.clone()).unwrap()).await;
    }

    pub(crate) async fn event<T: EventData>(&self, event: Event<T>) {
        self.publish(Outgoing::event(event).unwrap()).await;
    }

    /// Publishes a message, once the queues for it are there.
    async fn publish(&self, message: Outgoing) {
        let taken = async || Ok(Some(self.publisher.publish(message.clone()).await?));
        kit::eventually(crate::world::SOON, "the broker to take a message", taken).await.unwrap();
    }

    fn all<T: EventData>(&self) -> Vec<T> {
        let heard = self.heard.lock().unwrap();
        let of = heard.iter().filter(|message| message.kind == T::TYPE);
        of.map(|message| message.decode::<T>().unwrap().data).collect()
    }

    pub(crate) fn replies(&self, saga: Uuid, direction: Direction) -> Vec<Replied> {
        let mine = |reply: &Replied| reply.step.saga_id == saga && reply.step.direction == direction;
        self.all::<Replied>().into_iter().filter(mine).collect()
    }

    /// The events of the type about a payment's order.
    pub(crate) fn events<T: EventData>(&self, of: impl Fn(&T) -> bool) -> Vec<T> {
        self.all::<T>().into_iter().filter(of).collect()
    }

    /// The reply to this very attempt, when it has come.
    pub(crate) async fn reply(&self, step: &StepRef) -> Outcome {
        let reply = kit::eventually(crate::world::SOON, "a reply", async || {
            Ok(self.replies(step.saga_id, step.direction).into_iter().find(|reply| reply.step == *step))
        });
        reply.await.unwrap().outcome
    }
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
