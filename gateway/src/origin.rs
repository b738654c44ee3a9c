//! The client on whose behalf the gateway calls upstreams.

use crate::limits::{Limits, subscriber};
use crate::upstream::call::Call;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chassis::http::{ClientAddr, Failure, IdempotencyKey, RequestId};
use chassis::jwt::{Caller, Verifier};
use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use secrecy::ExposeSecret;
use std::net::IpAddr;
use std::sync::Arc;

/// Tells upstreams the client's address.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The client of a request: its address, and the user, if a token came.
#[derive(Clone)]
pub struct Origin {
    pub caller: Option<Caller>,
    pub address: IpAddr,
    pub request_id: Option<RequestId>,
    /// The client's `Idempotency-Key`, or what is wrong with it.
    pub idempotency_key: Option<Result<IdempotencyKey, String>>,
    headers: HeaderMap,
    key: Arc<str>,
}

impl Origin {
    pub fn new(caller: Option<Caller>, address: IpAddr) -> Self {
        let mut headers = chassis::client::context_headers();
        if let Ok(value) = HeaderValue::try_from(address.to_string()) {
            headers.insert(FORWARDED_FOR, value);
        }
        if let Some(caller) = &caller
            && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", caller.token.expose_secret()))
        {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let key = match &caller {
            Some(caller) => caller.user_id.to_string().into(),
            None => format!("anonymous {}", subscriber(address)).into(),
        };
        Self { caller, address, request_id: RequestId::current(), idempotency_key: None, headers, key }
    }

    /// Creates a call on this client's behalf.
    pub fn call(&self, method: Method, path: impl Into<String>) -> Call {
        let mut call = Call::new(method, path);
        call.headers = self.headers.clone();
        call.caller = Arc::clone(&self.key);
        call
    }

    /// Returns the headers of every call on this client's behalf.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the key of this client: its user, or else its address (for IPv6, the /64).
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }
}

/// A client within its limits, whose token may be bad. Handlers that take an [`Origin`] are not run for a bad token.
#[derive(Clone)]
pub struct Admitted {
    origin: Origin,
    refusal: Option<Arc<Failure>>,
}

impl Admitted {
    pub fn known(self) -> Result<Origin, Failure> {
        match self.refusal {
            None => Ok(self.origin),
            Some(failure) => Err(Arc::try_unwrap(failure).unwrap_or_else(|shared| shared.problem().clone().into())),
        }
    }

    /// Returns the client, without a user if its token is bad. For operations that get a new token.
    pub fn anyone(self) -> Origin {
        self.origin
    }
}

/// Counts a request for its address at this gateway, verifies its token, and counts it for its address and user over
/// all gateways. Handlers take an [`Origin`], which refuses bad tokens, or [`Admitted`], if the request decides whether
/// a bad token matters.
///
/// The first count is in memory and stops floods; the second is one round trip.
pub async fn admit(State((limits, verifier)): State<(Limits, Verifier)>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let address = client_address(&mut parts).await;
    let local = match limits.count_locally(address) {
        Ok(local) => local,
        Err(limited) => return refuse(limited),
    };
    let caller = Caller::from_headers(&verifier, &parts.headers).await;
    // A request with a bad token counts for its address.
    let user = caller.as_ref().ok().and_then(Option::as_ref).map(|caller| caller.user_id);
    let status = match limits.count(local, user).await {
        Ok(status) => status,
        Err(limited) => return refuse(limited),
    };
    let (caller, refusal) = match caller {
        Ok(caller) => (caller, None),
        Err(failure) => (None, Some(Arc::new(failure))),
    };
    let mut origin = Origin::new(caller, address);
    origin.idempotency_key = IdempotencyKey::of(&parts.headers);
    parts.extensions.insert(Admitted { origin, refusal });
    let mut response = next.run(Request::from_parts(parts, body)).await;
    status.tell(response.headers_mut());
    response
}

/// Returns the client's address, as the chassis determines it.
pub async fn client_address(parts: &mut Parts) -> IpAddr {
    match ClientAddr::from_request_parts(parts, &()).await {
        Ok(ClientAddr(address)) => address,
        Err(never) => match never {},
    }
}

fn refuse(limited: crate::limits::Limited) -> Response {
    let status = *limited.status();
    let mut response = limited.into_failure().into_response();
    status.tell(response.headers_mut());
    response
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        Admitted::from_request_parts(parts, state).await?.known()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admitted {
    type Rejection = Failure;

    /// Takes the client out of the request, which has one handler.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let missing = || Failure::internal(anyhow::anyhow!("the route is not behind `admit`"));
        parts.extensions.remove().ok_or_else(missing)
    }
}
