//! The keys of one kind in one request: waiting, under way, or loaded.

use super::{Key, Loader};
use crate::clients::ServiceError;
use futures::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::mem;
use std::task::{Poll, Waker};

/// The result of one key; `None` if it does not exist.
pub(super) type LoadResult<K> = Result<Option<<K as Key>::Value>, ServiceError>;

pub struct Queue<K: Key>(Mutex<State<K>>);

struct State<K: Key> {
    known: HashMap<K, KeyState<K>>,
    /// The keys that no call has taken yet, each once, in the order of requests.
    wanted: Vec<K>,
    /// How often everything was forgotten. Results of earlier calls are out of date.
    age: u64,
}

enum KeyState<K: Key> {
    Awaited(Vec<Waker>),
    Found(LoadResult<K>),
}

impl<K: Key> Default for Queue<K> {
    fn default() -> Self {
        Self(Mutex::new(State { known: HashMap::new(), wanted: Vec::new(), age: 0 }))
    }
}

impl<K: Key> Queue<K> {
    /// Looks a key up, or waits for it. Calls `begin` for the first key of the next call.
    pub(super) fn poll(&self, key: &K, waker: &Waker, begin: impl FnOnce()) -> Poll<LoadResult<K>> {
        let mut state = self.0.lock();
        match state.known.get_mut(key) {
            Some(KeyState::Found(outcome)) => return Poll::Ready(outcome.clone()),
            Some(KeyState::Awaited(fields)) => {
                // A field that polls again is mostly the last one. Comparing with all would cost the square of their
                // number; waking one twice costs little.
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

    /// Forgets all keys and the results of calls under way. Fields that still wait are never woken: their result is not
    /// needed any more.
    pub(super) fn forget(&self) {
        let mut state = self.0.lock();
        state.known.clear();
        state.wanted.clear();
        state.age += 1;
    }

    /// Takes the keys for a call, and the age of the queue.
    fn take(&self) -> (Vec<K>, u64) {
        let mut state = self.0.lock();
        (mem::take(&mut state.wanted), state.age)
    }

    /// Stores the results of a call, and wakes the fields that wait for them.
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

/// Loads all waiting keys of a kind, in as few calls as the service allows.
pub(super) fn ask<K: Key>(loader: Loader) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let queue = K::queue(&loader.0.queues);
        let (wanted, age) = queue.take();
        let answers = join_all(wanted.chunks(K::LIMIT).map(|keys| answer(keys, &loader))).await;
        queue.settle(answers.into_iter().flatten().collect(), age);
    })
}

/// Makes one call. If it fails, so does each key.
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
    use super::super::ProductOf;
    use super::*;
    use uuid::Uuid;

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
