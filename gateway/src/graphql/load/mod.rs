//! Loads what the fields of one level need with one call to each service.

mod keys;
mod level;
mod queue;
mod stats;

use super::immediate::Immediate;
use crate::clients::{ServiceError, Services};
use crate::stale_cache::StaleCache;
use async_graphql::Context;
use futures::future::BoxFuture;
pub use keys::{CustomerOf, HistoryOf, LinkById, LinkOf, Me, OrderOf, PaymentOf, ProductOf, SalesOf};
pub use level::{drive, drive_all};
use parking_lot::Mutex;
pub use queue::Queue;
pub use stats::{LoadedFacet, StatsOf};
use std::hash::Hash;
use std::mem;
use std::sync::Arc;

/// The DataLoader of one request. Clones share everything. It makes calls while [`drive`] or [`drive_all`] runs.
#[derive(Clone)]
pub struct Loader(Arc<Inner>);

struct Inner {
    services: Services,
    stale_cache: StaleCache,
    queues: Queues,
    /// The calls to begin for the keys that wait.
    waiting: Mutex<Vec<Begin>>,
}

type Begin = fn(Loader) -> BoxFuture<'static, ()>;

/// Declares the queue of each kind of key.
macro_rules! queues {
    ($($name:ident: $Key:ty),+ $(,)?) => {
        #[derive(Default)]
        pub struct Queues {
            $($name: Queue<$Key>,)+
        }

        impl Queues {
            fn forget(&self) {
                $(self.$name.forget();)+
            }
        }
    };
}

queues! {
    products: ProductOf,
    customers: CustomerOf,
    histories: HistoryOf,
    payments: PaymentOf,
    sales: SalesOf,
    links: LinkOf,
    stats: StatsOf,
    orders: OrderOf,
    links_by_id: LinkById,
    me: Me,
}

/// The results of some keys. Each succeeds or fails by itself. Keys that are left out do not exist.
pub type Found<K> = Vec<(K, Result<<K as Key>::Value, ServiceError>)>;

/// A key of something to load. One call loads many.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {
    type Value: Clone + Send + Sync + 'static;
    /// How many keys one call may have.
    const LIMIT: usize;

    fn queue(queues: &Queues) -> &Queue<Self>;

    /// Loads at most [`LIMIT`](Self::LIMIT) keys in one call.
    fn ask(keys: &[Self], loader: &Loader) -> impl Future<Output = Result<Found<Self>, ServiceError>> + Send;
}

impl Loader {
    pub fn new(services: Services, stale_cache: StaleCache) -> Self {
        Self(Arc::new(Inner { services, stale_cache, queues: Queues::default(), waiting: Mutex::default() }))
    }

    pub fn services(&self) -> &Services {
        &self.0.services
    }

    fn begin(&self) -> impl Iterator<Item = BoxFuture<'static, ()>> {
        let waiting = mem::take(&mut *self.0.waiting.lock());
        waiting.into_iter().map(|begin| begin(self.clone()))
    }

    fn forget(&self) {
        self.0.queues.forget();
        self.0.waiting.lock().clear();
    }

    async fn one<K: Key>(&self, key: &K) -> Result<Option<K::Value>, ServiceError> {
        let queue = K::queue(&self.0.queues);
        let begin = || self.0.waiting.lock().push(queue::ask::<K>);
        std::future::poll_fn(|context| queue.poll(key, context.waker(), begin)).await
    }
}

/// Forgets everything loaded, before a change.
pub fn forget(ctx: &Context<'_>) {
    ctx.data_unchecked::<Loader>().forget();
}

/// Loads one thing, in one call with its siblings.
pub async fn load<K: Key>(ctx: &Context<'_>, key: K) -> Result<Option<K::Value>, ServiceError> {
    ctx.data_unchecked::<Loader>().one(&key).await
}

/// Loads the part of another service, for a nullable field that shows it as a `T`. The error stays in the field.
pub async fn load_part<K, T>(ctx: &Context<'_>, key: K) -> Option<async_graphql::Result<Immediate<T>>>
where
    K: Key,
    T: From<K::Value>,
{
    let part = load(ctx, key).await.transpose()?;
    Some(part.map(|part| Immediate(part.into())).map_err(Into::into))
}
