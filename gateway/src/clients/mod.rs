//! Typed clients of the services.

mod analytics;
mod auth;
mod error;
pub mod inventory;
pub mod orders;
mod payments;
pub mod shortener;

use crate::origin::{IDEMPOTENCY_KEY, Origin};
use crate::upstream::call::{Call, Class, Payload, Reply, UpstreamBody, UpstreamResponse, parse_as};
use crate::upstream::error::UpstreamError;
use crate::upstream::events::events;
use crate::upstream::{Upstream, Upstreams};
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use chassis::http::{IdempotencyKey, LONGEST_PARAMETER};
use contracts::problem::Code;
pub use error::ServiceError;
pub(crate) use error::argument;
use futures::{Stream, TryStreamExt};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use url::form_urlencoded::Serializer;

/// The largest problem that is read when a stream was expected, in bytes.
const LARGEST_PROBLEM: usize = 64 * 1024;

trait Readable: DeserializeOwned + Clone + Send + Sync + 'static {}

impl<T: DeserializeOwned + Clone + Send + Sync + 'static> Readable for T {}

/// The services that the schema needs, on behalf of one client.
#[derive(Clone)]
pub struct Services {
    upstreams: Upstreams,
    origin: Origin,
}

impl Services {
    pub fn new(upstreams: Upstreams, origin: Origin) -> Self {
        Self { upstreams, origin }
    }

    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the services, for what needs a token. Fails with [`Code::Unauthenticated`] when no token came.
    pub fn for_user(&self) -> Result<&Self, ServiceError> {
        let missing = || ServiceError::own(Code::Unauthenticated, "Log in first, and send the access token.");
        self.origin.caller.as_ref().map(|_| self).ok_or_else(missing)
    }
}

/// Declares a type for each service, and the method that returns its [`Client`].
macro_rules! services {
    ($($name:ident: $Service:ident),+) => {
        $(#[doc = concat!("The service ", stringify!($name), ".")]
        pub enum $Service {})+

        impl Services {
            $(#[doc = concat!("Returns the client of ", stringify!($name), ".")]
            pub fn $name(&self) -> Client<'_, $Service> {
                let upstream = self.upstreams.needed(stringify!($name));
                Client { upstream, origin: &self.origin, service: PhantomData }
            })+
        }
    };
}

services!(analytics: Analytics, auth: Auth, inventory: Inventory, orders: Orders, payments: Payments, shortener: Shortener);

/// Calls service `S` on behalf of one client. The module of each service adds its calls.
pub struct Client<'a, S> {
    upstream: &'a Upstream,
    origin: &'a Origin,
    service: PhantomData<fn() -> S>,
}

impl<S> Client<'_, S> {
    fn get(&self, path: impl Into<String>) -> Call {
        let mut call = self.origin.call(Method::GET, path);
        call.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        call
    }

    fn send_json(&self, method: Method, path: impl Into<String>, body: &impl Serialize) -> Result<Call, ServiceError> {
        let mut call = self.origin.call(method, path);
        let json = HeaderValue::from_static("application/json");
        call.headers.insert(ACCEPT, json.clone());
        call.headers.insert(CONTENT_TYPE, json);
        let bytes = serde_json::to_vec(body).map_err(|error| ServiceError::internal(&error))?;
        call.payload = Payload::Whole(Bytes::from(bytes));
        call.patience = Some(self.upstream.config().write_deadline());
        Ok(call)
    }

    /// Asks about many things at once. It is a POST, because an address could not hold the keys, but it only reads.
    async fn look_up<T: Readable>(&self, path: &str, wanted: &impl Serialize) -> Result<T, ServiceError> {
        let mut call = self.send_json(Method::POST, path, wanted)?;
        (call.class, call.idempotent, call.patience) = (Class::Read, true, None);
        self.read(call).await
    }

    /// Sends a creation with an idempotency key, so that it can be retried. `argument` names the GraphQL argument of
    /// the key.
    async fn send_once<T: Readable>(
        &self,
        path: impl Into<String>,
        body: &impl Serialize,
        key: &str,
        argument: &str,
    ) -> Result<T, ServiceError> {
        let call = self.keyed(path, body, key, argument)?;
        self.read(call).await.map_err(|error: ServiceError| error.renamed("Idempotency-Key", argument))
    }

    /// A call that may be retried because of its key, which the client calls `argument`.
    fn keyed(
        &self,
        path: impl Into<String>,
        body: &impl Serialize,
        key: &str,
        argument: &str,
    ) -> Result<Call, ServiceError> {
        let mut call = self.send_json(Method::POST, path, body)?;
        let key = IdempotencyKey::parse(key.as_bytes()).map_err(|why| ServiceError::argument(argument, why))?;
        let key = HeaderValue::try_from(key.as_str()).map_err(|error| ServiceError::internal(&error))?;
        call.headers.insert(IDEMPOTENCY_KEY, key);
        call.idempotent = true;
        Ok(call)
    }

    /// Makes the call. A response that is not a success is an error.
    async fn answer(&self, call: Call) -> Result<UpstreamResponse, ServiceError> {
        let name = self.upstream.name();
        let answer = self.upstream.call(call).await.map_err(|error| ServiceError::no_answer(name, error))?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(ServiceError::answered(name, answer.status, &answer.headers, &answer.bytes()))
    }

    /// Returns one thing, or nothing when the service answers 404.
    async fn find<T: Readable>(&self, path: impl Into<String>) -> Result<Option<T>, ServiceError> {
        match self.read(self.get(path)).await {
            Err(error) if error.problem.code == Code::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Listens to server-sent events and returns their data. The deadline of the call covers the headers only. The
    /// stream fails when the connection breaks or is silent for longer than `silence`.
    async fn listen(
        &self,
        path: String,
        silence: Duration,
    ) -> Result<impl Stream<Item = Result<String, ServiceError>> + Send + use<S>, ServiceError> {
        let mut call = self.get(path);
        call.headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        call.reply = Reply::Stream;
        let name = self.upstream.name().to_owned();
        let answer = self.upstream.call(call).await.map_err(|error| ServiceError::no_answer(&name, error))?;
        let body = Body::from(answer.body);
        if !answer.status.is_success() {
            let read = timeout(silence, to_bytes(body, LARGEST_PROBLEM)).await;
            let bytes = read.ok().and_then(Result::ok).unwrap_or_default();
            return Err(ServiceError::answered(&name, answer.status, &answer.headers, &bytes));
        }
        Ok(events(body, silence).map_err(move |error| {
            let broken = UpstreamError::Reset(Arc::new(error.into()));
            tracing::warn!(upstream = name, error = format!("{broken:#}"), "A feed broke off.");
            ServiceError::no_answer(&name, broken)
        }))
    }

    /// Makes the call and parses the response. JSON that breaks the contract does not count against the breaker: the
    /// service is up.
    async fn read<T: Readable>(&self, mut call: Call) -> Result<T, ServiceError> {
        call.parser = Some(parse_as::<T>);
        let answer = self.answer(call).await?;
        if let UpstreamBody::Parsed(read) = answer.body {
            let of_another_type =
                |_| ServiceError::own(Code::Internal, "An internal error occurred. Report it with the request id.");
            return read.downcast::<T>().map(Arc::unwrap_or_clone).map_err(of_another_type);
        }
        serde_json::from_slice(&answer.bytes()).map_err(|error| ServiceError::unreadable(self.upstream.name(), &error))
    }
}

/// Adds a query to a path. Parameters have the names of the GraphQL arguments. One that is longer than the services
/// allow is refused here, because HTTP limits the length of an address.
fn with_query(path: &str, pairs: &[(&str, Option<&str>)]) -> Result<String, ServiceError> {
    let path = format!("{path}?");
    let start = path.len();
    let mut query = Serializer::for_suffix(path, start);
    for (name, value) in pairs.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
        if value.len() > LONGEST_PARAMETER {
            return Err(ServiceError::argument(name, format!("must have at most {LONGEST_PARAMETER} bytes")));
        }
        query.append_pair(name, value);
    }
    Ok(query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_that_no_address_can_hold_is_named() {
        let path = |length: usize| with_query("/v1/links", &[("first", None), ("search", Some(&"x".repeat(length)))]);
        assert!(path(LONGEST_PARAMETER).is_ok_and(|path| path.starts_with("/v1/links?search=xx")));
        for length in [LONGEST_PARAMETER + 1, 70_000] {
            let refused = path(length).expect_err("too long");
            assert_eq!(refused.problem.errors[0].field, "search");
        }
    }
}
