//! Shares one call among equal ones.

use super::Layer;
use crate::metrics;
use crate::upstream::call::{Call, CallResult, Class, ParsedBody, Reply, UpstreamBody, UpstreamResponse};
use crate::upstream::error::UpstreamError;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use http::header::ACCEPT;
use http::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

type Shareable = Result<(StatusCode, HeaderMap, Body), UpstreamError>;
type Flight = BoxFuture<'static, Shareable>;
/// A body that can be shared: parsed, or whole.
type Body = Result<ParsedBody, Bytes>;
type Key = (Arc<str>, String, Option<Vec<u8>>);

/// Lets equal GETs of one caller share a call while it is under way. Streams are never shared. After a write, its
/// caller joins no read that began earlier, because that read may show the old state.
pub struct SingleFlight<L> {
    flights: Arc<Mutex<Flights>>,
    inner: Arc<L>,
}

#[derive(Default)]
struct Flights {
    by_key: HashMap<Key, (u64, WeakShared<Flight>)>,
    last: u64,
}

impl<L: Layer> SingleFlight<L> {
    pub fn new(inner: L) -> Self {
        Self { flights: Arc::default(), inner: Arc::new(inner) }
    }

    fn join(&self, key: Key, call: Call) -> Shared<Flight> {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.by_key.get(&key).and_then(|(_, flight)| flight.upgrade()) {
            metrics::shared_call();
            return flight;
        }
        flights.last += 1;
        let number = flights.last;
        let guard = FlightGuard { flights: Arc::clone(&self.flights), key: key.clone(), number };
        let inner = Arc::clone(&self.inner);
        let work = async move {
            let _guard = guard;
            inner.call(call).await.map(|answer| {
                let bytes = answer.bytes();
                let body = if let UpstreamBody::Parsed(read) = answer.body { Ok(read) } else { Err(bytes) };
                (answer.status, answer.headers, body)
            })
        };
        let flight = work.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            flights.by_key.insert(key, (number, weak));
        }
        flight
    }
}

/// Forgets the flight when it has ended, or when all its callers have left.
struct FlightGuard {
    flights: Arc<Mutex<Flights>>,
    key: Key,
    number: u64,
}

impl Drop for FlightGuard {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        // An abandoned flight may have been replaced before it was dropped: the new one stays.
        if flights.by_key.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            flights.by_key.remove(&self.key);
        }
    }
}

/// Forgets the reads of a caller when a write of theirs has ended, or when its client has left: the write may have been
/// carried out all the same.
struct WriteGuard {
    flights: Arc<Mutex<Flights>>,
    caller: Arc<str>,
}

impl Drop for WriteGuard {
    fn drop(&mut self) {
        self.flights.lock().by_key.retain(|(of, ..), _| *of != self.caller);
    }
}

impl<L: Layer> Layer for SingleFlight<L> {
    async fn call(&self, call: Call) -> CallResult {
        if call.class == Class::Write {
            let _guard = WriteGuard { flights: Arc::clone(&self.flights), caller: Arc::clone(&call.caller) };
            return self.inner.call(call).await;
        }
        if call.method != Method::GET || call.reply != Reply::Json {
            return self.inner.call(call).await;
        }
        let accept = call.headers.get(ACCEPT).map(|value| value.as_bytes().to_vec());
        let key = (call.caller.clone(), call.path.clone(), accept);
        let (status, headers, body) = self.join(key, call).await?;
        Ok(UpstreamResponse { status, headers, body: body.map_or_else(UpstreamBody::Whole, UpstreamBody::Parsed) })
    }
}
