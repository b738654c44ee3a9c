//! Messages that pile up are handled as a batch, and one that fails holds up no other.

use super::{Bench, PATIENCE, Running, Seen, counted, publish, subscription};
use kit::Engine;
use messaging::{Consumer, HandleError, Handler, MemoryState, Message, Subscription, cause};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

const ENGINES: &[Engine] = &[Engine::Rabbitmq];

/// Notes what it gets and in which batches; fails whenever the poisoned subject is there.
#[derive(Clone, Default)]
struct Batches {
    sizes: Arc<Mutex<Vec<usize>>>,
    /// How many messages were handled in another's scope, or none.
    astray: Arc<AtomicUsize>,
    all: Seen,
    /// Fails for every batch of several.
    wants_one: bool,
}

fn fail_for(messages: &[Message]) -> Result<(), HandleError> {
    let poisoned = messages.iter().any(|message| message.subject == "poison");
    if poisoned { Err(HandleError::permanent("poison")) } else { Ok(()) }
}

impl Handler for Batches {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        self.sizes.lock().unwrap().push(batch.len());
        fail_for(batch)?;
        if self.wants_one && batch.len() > 1 {
            return Err(HandleError::permanent("one at a time"));
        }
        for message in batch {
            if message.scope(async { cause() }).await != Some(message.id) {
                self.astray.fetch_add(1, Ordering::SeqCst);
            }
            self.all.add(message);
        }
        Ok(())
    }
}

fn batches_of(most: u16) -> Subscription {
    subscription().partitions(1).batch(most)
}

/// Declares the queue, and lets messages pile up in it.
async fn pile_up(bench: &Bench, subjects: &[&str]) {
    let consumer = Consumer::new(&bench.broker, batches_of(1), &MemoryState::default(), Batches::default());
    consumer.declare().await.unwrap();
    let events = (1..).zip(subjects).map(|(version, subject)| counted(*subject, version));
    publish(&bench.broker.publisher(), events).await.unwrap();
}

#[tokio::test]
async fn what_has_piled_up_is_one_batch_in_order_and_each_in_its_own_scope() {
    let bench = Bench::new(ENGINES).await;
    pile_up(&bench, &["a"; 40]).await;
    let handler = Batches::default();
    let running = Running::start(&bench.broker, batches_of(8), &MemoryState::default(), handler.clone()).await;
    handler.all.until("all messages", |seen| seen.len() == 40).await;
    running.stop().await;
    assert_eq!(handler.all.versions("a"), (1..=40).collect::<Vec<_>>());
    let sizes = handler.sizes.lock().unwrap().clone();
    assert!(sizes.iter().any(|size| *size > 1) && sizes.iter().all(|size| *size <= 8), "{sizes:?}");
    assert_eq!(handler.astray.load(Ordering::SeqCst), 0);
    let again = Batches::default();
    let running = Running::start(&bench.broker, batches_of(8), &MemoryState::default(), again.clone()).await;
    publish(&bench.broker.publisher(), [counted("a", 41)]).await.unwrap();
    again.all.until("the last message", |seen| seen.len() == 1).await;
    running.stop().await;
    assert_eq!(again.all.versions("a"), [41], "what was handled as a batch was acknowledged");
}

#[tokio::test]
async fn one_that_fails_is_a_dead_letter_and_the_others_of_its_batch_are_handled() {
    let bench = Bench::new(ENGINES).await;
    pile_up(&bench, &["a", "b", "poison", "a", "b"]).await;
    let (handler, state) = (Batches::default(), MemoryState::default());
    let running = Running::start(&bench.broker, batches_of(8), &state, handler.clone()).await;
    handler.all.until("the others", |seen| seen.len() == 4).await;
    let letters = messaging::DeadLetters::new(&bench.broker, &batches_of(8), &state);
    let dead = async || Ok(Some(letters.list(None, 10).await?).filter(|found| found.len() == 1));
    kit::eventually(PATIENCE, "the dead letter", dead).await.unwrap();
    running.stop().await;
    assert_eq!((handler.all.versions("a"), handler.all.versions("b")), (vec![1, 4], vec![2, 5]));
}

#[tokio::test]
async fn a_batch_that_fails_is_handled_one_by_one() {
    let bench = Bench::new(ENGINES).await;
    pile_up(&bench, &["a"; 6]).await;
    let handler = Batches { wants_one: true, ..Batches::default() };
    let running = Running::start(&bench.broker, batches_of(8), &MemoryState::default(), handler.clone()).await;
    handler.all.until("all messages", |seen| seen.len() == 6).await;
    running.stop().await;
    assert_eq!(handler.all.versions("a"), [1, 2, 3, 4, 5, 6]);
}
