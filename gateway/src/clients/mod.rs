//! What GraphQL asks of each service, in the contracts' own types.

pub mod analytics;
pub mod auth;
mod error;
pub mod shortener;

pub use error::ServiceError;
pub(crate) use error::argument;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::origin::Origin;
use crate::upstream::call::{Answer, Call, Payload};
use crate::upstream::{Upstream, Upstreams};

/// One service, on behalf of one client.
pub struct Client<'a> {
    upstream: &'a Upstream,
    origin: &'a Origin,
}

impl<'a> Client<'a> {
    /// Returns the service of that name.
    ///
    /// # Errors
    /// Fails when it is not configured, which the three that the schema needs always are.
    pub fn of(name: &str, upstreams: &'a Upstreams, origin: &'a Origin) -> Result<Self, ServiceError> {
        let missing = || ServiceError::own(contracts::problem::Code::Internal, format!("{name} is not configured."));
        Ok(Self { upstream: upstreams.get(name).ok_or_else(missing)?, origin })
    }

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
        Ok(call)
    }

    /// Makes the call; an answer that is not a success is an error.
    async fn answer(&self, call: Call) -> Result<Answer, ServiceError> {
        let name = self.upstream.name();
        let answer = self.upstream.call(call).await.map_err(|error| ServiceError::no_answer(name, &error))?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(ServiceError::answered(name, answer.status, &answer.headers, &answer.bytes()))
    }

    /// Makes the call and reads what it answers. JSON of another shape than the contract's is told apart from an
    /// upstream that is down: it answers, and the breaker has no say in it.
    async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T, ServiceError> {
        let answer = self.answer(call).await?;
        serde_json::from_slice(&answer.bytes()).map_err(|error| ServiceError::unreadable(self.upstream.name(), &error))
    }
}
