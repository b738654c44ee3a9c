//! Messages that pile up are handled together, and one that fails holds up no other.

use super::{Bench, PATIENCE, Running, Seen, counted, publish, subscription};
use kit::Engine;
use messaging::{Consumer, HandleError, Handler, MemoryState, Message, Subscription, cause};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

const ENGINES: &[Engine] = &[Engine::Rabbitmq];

/// Notes what it gets and in which lots; fails whenever the poisoned subject is there.
#[derive(Clone, Default)]
struct Lots {
    lots: Arc<Mutex<Vec<usize>>>,
    /// How many messages were handled together in another's scope, or none.
    astray: Arc<AtomicUsize>,
    alone: Seen,
    all: Seen,
    /// Says of such lots that they do not go together.
    declines: bool,
}

fn fail_for(messages: &[Message]) -> Result<(), HandleError> {
    let poisoned = messages.iter().any(|message| message.subject == "poison");
    if poisoned { Err(HandleError::permanent("poison")) } else { Ok(()) }
}

impl Handler for Lots {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        fail_for(std::slice::from_ref(message))?;
        self.alone.add(message);
        self.all.add(message);
        Ok(())
    }

    async fn handle_together(&self, messages: &[Message]) -> Result<bool, HandleError> {
        self.lots.lock().unwrap().push(messages.len());
        if self.declines {
            return Ok(false);
        }
        fail_for(messages)?;
        for message in messages {
            if message.scope(async { cause() }).await != Some(message.id) {
                self.astray.fetch_add(1, Ordering::SeqCst);
            }
            self.all.add(message);
        }
        Ok(true)
    }
}

fn lots_of(most: u16) -> Subscription {
    subscription().partitions(1).together(most)
}

/// Declares the queue, and lets messages pile up in it.
async fn pile_up(bench: &Bench, subjects: &[&str]) {
    let consumer = Consumer::new(&bench.broker, lots_of(1), &MemoryState::default(), Lots::default());
    consumer.declare().await.unwrap();
    let events = (1..).zip(subjects).map(|(version, subject)| counted(*subject, version));
    publish(&bench.broker.publisher(), events).await.unwrap();
}

#[tokio::test]
async fn what_has_piled_up_is_handled_together_in_order_and_each_in_its_own_scope() {
    let bench = Bench::new(ENGINES).await;
    pile_up(&bench, &["a"; 40]).await;
    let handler = Lots::default();
    let running = Running::start(&bench.broker, lots_of(8), &MemoryState::default(), handler.clone()).await;
    handler.all.until("all messages", |seen| seen.len() == 40).await;
    running.stop().await;
    assert_eq!(handler.all.versions("a"), (1..=40).collect::<Vec<_>>());
    let lots = handler.lots.lock().unwrap().clone();
    assert!(lots.iter().any(|lot| *lot > 1) && lots.iter().all(|lot| *lot <= 8), "{lots:?}");
    assert_eq!(handler.astray.load(Ordering::SeqCst), 0);
    let again = Lots::default();
    let running = Running::start(&bench.broker, lots_of(8), &MemoryState::default(), again.clone()).await;
    publish(&bench.broker.publisher(), [counted("a", 41)]).await.unwrap();
    again.all.until("the last message", |seen| seen.len() == 1).await;
    running.stop().await;
    assert_eq!(again.all.versions("a"), [41], "what was handled together was acknowledged");
}

#[tokio::test]
async fn one_that_fails_is_a_dead_letter_and_the_others_of_its_lot_are_handled() {
    let bench = Bench::new(ENGINES).await;
    pile_up(&bench, &["a", "b", "poison", "a", "b"]).await;
    let (handler, state) = (Lots::default(), MemoryState::default());
    let running = Running::start(&bench.broker, lots_of(8), &state, handler.clone()).await;
    handler.all.until("the others", |seen| seen.len() == 4).await;
    let letters = messaging::DeadLetters::new(&bench.broker, &lots_of(8), &state);
    let dead = async || Ok(Some(letters.list(None, 10).await?).filter(|found| found.len() == 1));
    kit::eventually(PATIENCE, "the dead letter", dead).await.unwrap();
    running.stop().await;
    assert_eq!((handler.all.versions("a"), handler.all.versions("b")), (vec![1, 4], vec![2, 5]));
}

#[tokio::test]
async fn what_does_not_go_together_is_handled_one_by_one() {
    let bench = Bench::new(ENGINES).await;
    pile_up(&bench, &["a"; 6]).await;
    let handler = Lots { declines: true, ..Lots::default() };
    let running = Running::start(&bench.broker, lots_of(8), &MemoryState::default(), handler.clone()).await;
    handler.all.until("all messages", |seen| seen.len() == 6).await;
    running.stop().await;
    assert_eq!(handler.alone.versions("a"), [1, 2, 3, 4, 5, 6]);
}
