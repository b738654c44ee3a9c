//! The keys of one kind: which are wanted, which are under way, and what was found of the others.

use std::collections::HashMap;
use std::mem;
use std::task::{Poll, Waker};

use futures::future::{BoxFuture, join_all};
use parking_lot::Mutex;

use super::{Key, Loader};
use crate::clients::ServiceError;

/// What came of one key: nothing, where the service knows nothing of it.
pub(super) type LoadResult<K> = Result<Option<<K as Key>::Value>, ServiceError>;

/// What one request wants to know of one kind of thing.
pub struct Queue<K: Key>(Mutex<State<K>>);

struct State<K: Key> {
    known: HashMap<K, KeyState<K>>,
    /// The keys that no call has taken yet, each once, in the order in which they were asked for.
    wanted: Vec<K>,
    /// How often everything was forgotten. A call that began before finds what is old.
    age: u64,
}

enum KeyState<K: Key> {
    /// These fields wait for it.
    Awaited(Vec<Waker>),
    Found(LoadResult<K>),
}

impl<K: Key> Default for Queue<K> {
    fn default() -> Self {
        Self(Mutex::new(State { known: HashMap::new(), wanted: Vec::new(), age: 0 }))
    }
}

impl<K: Key> Queue<K> {
    /// Looks a key up, or waits for it. `begin` is called for the first key that waits for the next call.
    pub(super) fn poll(&self, key: &K, waker: &Waker, begin: impl FnOnce()) -> Poll<LoadResult<K>> {
        let mut state = self.0.lock();
        match state.known.get_mut(key) {
            Some(KeyState::Found(outcome)) => return Poll::Ready(outcome.clone()),
            Some(KeyState::Awaited(fields)) => {
                // The one that asks again and again is mostly the last. To wake a field twice costs little; to look
                // through all that wait costs their square.
                if !fields.last().is_some_and(|field| field.will_wake(waker)) {
                    fields.push(waker.clone());
                }
            }
            None => {
                state.known.insert(key.clone(), KeyState::Awaited(vec![waker.clone()]));
                state.wanted.push(key.clone());
                if state.wanted.len() == 1 {
                    begin();
                }
            }
        }
        Poll::Pending
    }

    /// Forgets all keys, and what calls under way will find. Fields that still wait are never woken: nobody wants to know
    /// their values any more.
    pub(super) fn forget(&self) {
        let mut state = self.0.lock();
        state.known.clear();
        state.wanted.clear();
        state.age += 1;
    }

    /// Takes the keys that wait for a call, and how old the queue is.
    fn take(&self) -> (Vec<K>, u64) {
        let mut state = self.0.lock();
        (mem::take(&mut state.wanted), state.age)
    }

    /// Notes what a call found, and wakes the fields that waited for it.
    fn settle(&self, outcomes: Vec<(K, LoadResult<K>)>, age: u64) {
        let mut woken = Vec::with_capacity(outcomes.len());
        let mut state = self.0.lock();
        if state.age != age {
            return;
        }
        for (key, outcome) in outcomes {
            if let Some(entry) = state.known.get_mut(&key)
                && let KeyState::Awaited(fields) = mem::replace(entry, KeyState::Found(outcome))
            {
                woken.extend(fields);
            }
        }
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }
}

/// Asks for all the keys of a kind that wait: in one call, unless there are more than the service takes.
pub(super) fn ask<K: Key>(loader: Loader) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let queue = K::queue(&loader.0.queues);
        let (wanted, age) = queue.take();
        let answers = join_all(wanted.chunks(K::LIMIT).map(|keys| answer(keys, &loader))).await;
        queue.settle(answers.into_iter().flatten().collect(), age);
    })
}

/// Makes one call. A failure of the whole call is one of each key.
async fn answer<K: Key>(keys: &[K], loader: &Loader) -> Vec<(K, LoadResult<K>)> {
    match K::ask(keys, loader).await {
        Ok(found) => {
            let mut found: HashMap<K, _> = found.into_iter().collect();
            keys.iter().map(|key| (key.clone(), found.remove(key).transpose())).collect()
        }
        Err(error) => keys.iter().map(|key| (key.clone(), Err(error.clone()))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::ProductOf;
    use super::*;

    #[test]
    fn a_call_that_began_before_everything_was_forgotten_settles_nothing() {
        let (queue, key) = (Queue::default(), ProductOf(Uuid::nil()));
        let ask = || queue.poll(&key, Waker::noop(), || {});
        assert!(ask().is_pending());
        let (_, before) = queue.take();
        queue.forget();
        assert!(ask().is_pending());
        let (wanted, now) = queue.take();
        assert_eq!(wanted, [key]);
        queue.settle(vec![(key, Ok(None))], before);
        assert!(ask().is_pending(), "that answer is old");
        queue.settle(vec![(key, Ok(None))], now);
        assert!(ask().is_ready());
    }
}
