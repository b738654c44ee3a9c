//! Makes one call of many equal ones.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use http::header::ACCEPT;
use http::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;

use super::Layer;
use crate::metrics;
use crate::upstream::call::{Answer, AnswerBody, Call, CallResult, Class, Read, Reply};
use crate::upstream::error::UpstreamError;

type Shareable = Result<(StatusCode, HeaderMap, Body), UpstreamError>;
type Flight = BoxFuture<'static, Shareable>;
/// A body that can be shared: whole, or read already.
type Body = Result<Read, Bytes>;
type Key = (Arc<str>, String, Option<Vec<u8>>);

/// Lets equal GETs of one caller that overlap in time share one call. It goes on as long as anybody waits for it.
/// Streams are never shared: their readers have paces of their own. After a write, its caller joins no read that began
/// before: that one may tell how things were.
pub struct SingleFlight<L> {
    board: Arc<Mutex<Board>>,
    inner: Arc<L>,
}

/// The flights under way, each with a number.
#[derive(Default)]
struct Board {
    flights: HashMap<Key, (u64, WeakShared<Flight>)>,
    last: u64,
}

impl<L: Layer> SingleFlight<L> {
    /// Creates the layer around another.
    #[must_use]
    pub fn new(inner: L) -> Self {
        Self { board: Arc::default(), inner: Arc::new(inner) }
    }

    fn join(&self, key: Key, call: Call) -> Shared<Flight> {
        let mut board = self.board.lock();
        if let Some(flight) = board.flights.get(&key).and_then(|(_, flight)| flight.upgrade()) {
            metrics::shared_call();
            return flight;
        }
        board.last += 1;
        let number = board.last;
        let landing = Landing { board: Arc::clone(&self.board), key: key.clone(), number };
        let inner = Arc::clone(&self.inner);
        let work = async move {
            let _landing = landing;
            inner.call(call).await.map(|answer| {
                let bytes = answer.bytes();
                let body = if let AnswerBody::Read(read) = answer.body { Ok(read) } else { Err(bytes) };
                (answer.status, answer.headers, body)
            })
        };
        let flight = work.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            board.flights.insert(key, (number, weak));
        }
        flight
    }
}

/// Takes the flight off the board when it has ended, or when everybody has left it.
struct Landing {
    board: Arc<Mutex<Board>>,
    key: Key,
    number: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut board = self.board.lock();
        // A flight that everybody left may have been replaced before it was dropped: the new one stays.
        if board.flights.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            board.flights.remove(&self.key);
        }
    }
}

impl<L: Layer> Layer for SingleFlight<L> {
    async fn call(&self, call: Call) -> CallResult {
        if call.class == Class::Write {
            let caller = Arc::clone(&call.caller);
            let outcome = self.inner.call(call).await;
            self.board.lock().flights.retain(|(of, ..), _| *of != caller);
            return outcome;
        }
        if call.method != Method::GET || call.reply != Reply::Json {
            return self.inner.call(call).await;
        }
        let accept = call.headers.get(ACCEPT).map(|value| value.as_bytes().to_vec());
        let key = (call.caller.clone(), call.path.clone(), accept);
        let (status, headers, body) = self.join(key, call).await?;
        Ok(Answer { status, headers, body: body.map_or_else(AnswerBody::Whole, AnswerBody::Read) })
    }
}
