//! Gathers what the fields of one level need, and asks each service once.

mod nodes;
mod shop;
mod stats;

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;

use async_graphql::Context;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use futures::future::join_all;
use tracing::Instrument;

use crate::clients::{Client, ServiceError};
use crate::copies::Copies;
use crate::origin::Origin;
use crate::upstream::Upstreams;

pub use nodes::{LinkById, OrderOf};
pub use shop::{CustomerOf, HistoryOf, LinkOf, PaymentOf, ProductOf, SalesOf};
pub use stats::{Loaded, StatsOf};

/// The loader of one request.
pub type Loads = DataLoader<Services, HashMapCache>;

/// What is loaded from: the services, on behalf of one client.
pub struct Services {
    upstreams: Upstreams,
    origin: Origin,
    copies: Copies,
}

/// What is found of some keys. Each key succeeds or fails by itself; of those that are left out there is nothing.
pub type Found<K> = Vec<(K, Result<<K as Key>::Value, ServiceError>)>;

/// A thing to load: many of them cost one call.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {
    /// What is loaded.
    type Value: Clone + Send + Sync + 'static;
    /// How many the service takes at once.
    const LIMIT: usize;

    /// Asks the service for at most [`LIMIT`](Self::LIMIT) things.
    fn ask(keys: &[Self], services: &Services) -> impl Future<Output = Result<Found<Self>, ServiceError>> + Send;
}

impl Services {
    fn client(&self, name: &str) -> Result<Client<'_>, ServiceError> {
        Client::of(name, &self.upstreams, &self.origin)
    }
}

impl<K: Key> Loader<K> for Services {
    type Value = Result<K::Value, ServiceError>;
    type Error = Infallible;

    async fn load(&self, keys: &[K]) -> Result<HashMap<K, Self::Value>, Infallible> {
        let answers = keys.chunks(K::LIMIT).map(|keys| async move {
            let failed = |error: ServiceError| keys.iter().map(|key| (key.clone(), Err(error.clone()))).collect();
            K::ask(keys, self).await.unwrap_or_else(failed)
        });
        Ok(join_all(answers).await.into_iter().flatten().collect())
    }
}

/// Creates the loader of one request. What it does in the background belongs to the request's trace.
#[must_use]
pub fn loader(upstreams: Upstreams, origin: Origin, copies: Copies) -> Loads {
    let services = Services { upstreams, origin, copies };
    DataLoader::with_cache(services, |work| tokio::spawn(work.in_current_span()), HashMapCache::default())
}

/// Loads one thing, together with what its neighbours load.
///
/// # Errors
/// Fails as the service does.
pub async fn load<K: Key>(ctx: &Context<'_>, key: K) -> Result<Option<K::Value>, ServiceError> {
    let loaded = ctx.data_unchecked::<Loads>().load_one(key).await;
    loaded.unwrap_or_else(|never| match never {}).transpose()
}
