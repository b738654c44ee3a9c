//! The services behind the gateway and how they are called.

pub mod call;
pub mod connect;
pub mod connections;
pub mod error;
pub mod events;
pub mod layers;
mod stack;
pub mod transport;
pub mod upload;

use crate::config;
use breaker::{Breaker, Recovery, Registry};
use call::{Call, CallResult, Class};
use error::UpstreamError;
use layers::Layer;
use stack::Stack;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The upstream that has redirects.
const REDIRECTS: &str = "shortener";

#[derive(Clone)]
pub struct Upstream {
    name: Arc<str>,
    stack: Arc<Stack>,
    breaker: Breaker,
    config: Arc<config::Upstream>,
}

impl Upstream {
    pub fn new(name: &str, config: config::Upstream, breakers: &Registry, connector: connect::Connector) -> Self {
        let classes = if name == REDIRECTS { Class::NAMES } else { &Class::NAMES[..Class::Redirect.index()] };
        let breaker = breakers.breaker(name, classes, Recovery::Probe);
        let stack = Arc::new(stack::towards(name, &config, &breaker, connector));
        Self { name: name.into(), stack, breaker, config: Arc::new(config) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn config(&self) -> &config::Upstream {
        &self.config
    }

    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Makes a call through the stack. A 4xx or 5xx response is a response, not an error.
    pub async fn call(&self, call: Call) -> CallResult {
        let writes = call.class == Class::Write;
        Box::pin(self.stack.call(call)).await.map_err(|error| match error {
            // The write may have been carried out. A client that takes this for a refusal would do it twice.
            UpstreamError::Late | UpstreamError::Reset(_) | UpstreamError::BadBody(_) if writes => {
                UpstreamError::OutcomeUnknown(Box::new(error))
            }
            error => error,
        })
    }
}

/// The services behind the gateway, by name.
#[derive(Clone)]
pub struct Upstreams {
    by_name: Arc<BTreeMap<String, Upstream>>,
}

impl Upstreams {
    pub fn new(configured: &config::Upstreams, breakers: &Registry) -> Self {
        let connector = connect::connector();
        let create = |(name, config): (String, config::Upstream)| {
            let upstream = Upstream::new(&name, config, breakers, connector.clone());
            (name, upstream)
        };
        Self { by_name: Arc::new(configured.resolved().into_iter().map(create).collect()) }
    }

    pub fn get(&self, name: &str) -> Option<&Upstream> {
        self.by_name.get(name)
    }

    /// Returns one of the upstreams that the GraphQL schema needs: they always exist.
    ///
    /// # Panics
    /// Panics on any other name.
    pub fn needed(&self, name: &'static str) -> &Upstream {
        &self.by_name[name]
    }

    pub fn iter(&self) -> impl Iterator<Item = &Upstream> {
        self.by_name.values()
    }
}
