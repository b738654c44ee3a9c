//! The acceptor of a unit. What must be fast is answered here; everything else is the router's.

use super::guard::guarded;
use super::{Limits, RequestId, address, limit};
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// Answers requests past the router, whose way to a handler costs more than such an answer.
///
/// It is for a few requests of one plain form. Whatever else has their address, the router answers.
pub trait FastPath: Send + Sync {
    /// Whether it answers this request.
    fn takes(&self, request: &Request) -> bool;

    /// Answers a request that it takes, of the client with this address.
    fn answer(self: Arc<Self>, client: IpAddr, request: Request) -> BoxFuture<'static, Response>;
}

/// All that answers at an address. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor(Arc<Inner>);

struct Inner {
    router: Router,
    fast_path: Option<Arc<dyn FastPath>>,
    trusted_proxies: Vec<IpAddr>,
}

impl Acceptor {
    /// Puts `fast_path`, with an id and the panic guard around it, before `router`, which has its own layers.
    #[must_use]
    pub fn new(router: Router, fast_path: Option<Arc<dyn FastPath>>, limits: &Limits) -> Self {
        Self(Arc::new(Inner { router, fast_path, trusted_proxies: limits.trusted_proxies.clone() }))
    }

    /// The acceptor as a connection from `peer` sees it.
    #[must_use]
    pub fn facing(&self, peer: SocketAddr) -> ConnService {
        ConnService { acceptor: self.clone(), peer }
    }
}

/// An [`Acceptor`] for one connection.
#[derive(Clone)]
pub struct ConnService {
    acceptor: Acceptor,
    peer: SocketAddr,
}

impl Service<Request> for ConnService {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let inner = &self.acceptor.0;
        if let Err(failure) = limit::check(&request) {
            let id = RequestId::of(request.headers());
            return Box::pin(async move { Ok(guarded(id, async { failure.into_response() }).await) });
        }
        match &inner.fast_path {
            Some(fast_path) if fast_path.takes(&request) => {
                let id = RequestId::of(request.headers());
                let client = address::client(self.peer.ip(), request.headers(), &inner.trusted_proxies);
                let answer = Arc::clone(fast_path).answer(client, request);
                Box::pin(async move { Ok(guarded(id, answer).await) })
            }
            _ => {
                request.extensions_mut().insert(ConnectInfo(self.peer));
                Box::pin(inner.router.clone().call(request))
            }
        }
    }
}
