//! Gathers what the fields of one level need, and asks each service once.

mod keys;
mod level;
mod queue;
mod stats;

use std::hash::Hash;
use std::mem;
use std::sync::Arc;

use async_graphql::Context;
use futures::future::BoxFuture;
use parking_lot::Mutex;

use crate::clients::{ServiceError, Services};
use crate::stale_cache::StaleCache;

pub use keys::{CustomerOf, HistoryOf, LinkById, LinkOf, Me, OrderOf, PaymentOf, ProductOf, SalesOf};
pub use level::{drive, drive_all};
pub use queue::Queue;
pub use stats::{LoadedFacet, StatsOf};

/// Loads what one request needs of the services. Clones share everything. Its keys go to the services while [`drive`] or [`drive_all`] runs the
/// execution.
#[derive(Clone)]
pub struct Loader(Arc<Inner>);

struct Inner {
    services: Services,
    stale_cache: StaleCache,
    queues: Queues,
    /// How the call of each kind begins that keys wait for.
    waiting: Mutex<Vec<Begin>>,
}

type Begin = fn(Loader) -> BoxFuture<'static, ()>;

/// The queue of each kind of key.
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

/// What is found of some keys. Each key succeeds or fails by itself; of those that are left out there is nothing.
pub type Found<K> = Vec<(K, Result<<K as Key>::Value, ServiceError>)>;

/// A thing to load: many of them cost one call.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {
    type Value: Clone + Send + Sync + 'static;
    /// How many the service takes at once.
    const LIMIT: usize;

    /// Returns where such keys wait.
    fn queue(queues: &Queues) -> &Queue<Self>;

    /// Asks the service for at most [`LIMIT`](Self::LIMIT) things.
    fn ask(keys: &[Self], loader: &Loader) -> impl Future<Output = Result<Found<Self>, ServiceError>> + Send;
}

impl Loader {
    /// Creates what one request loads with.
    pub fn new(services: Services, stale_cache: StaleCache) -> Self {
        Self(Arc::new(Inner { services, stale_cache, queues: Queues::default(), waiting: Mutex::default() }))
    }

    /// Returns the services, on behalf of the client of the request.
    pub fn services(&self) -> &Services {
        &self.0.services
    }

    /// Begins a call for each kind of which keys wait.
    fn begin(&self) -> impl Iterator<Item = BoxFuture<'static, ()>> {
        let waiting = mem::take(&mut *self.0.waiting.lock());
        waiting.into_iter().map(|begin| begin(self.clone()))
    }

    /// Forgets what was loaded.
    fn forget(&self) {
        self.0.queues.forget();
        self.0.waiting.lock().clear();
    }

    /// Loads one thing.
    async fn one<K: Key>(&self, key: &K) -> Result<Option<K::Value>, ServiceError> {
        let queue = K::queue(&self.0.queues);
        let begin = || self.0.waiting.lock().push(queue::ask::<K>);
        std::future::poll_fn(|context| queue.poll(key, context.waker(), begin)).await
    }
}

/// Forgets what was loaded: a service is about to change it.
pub fn forget(ctx: &Context<'_>) {
    ctx.data_unchecked::<Loader>().forget();
}

/// Loads one thing, together with what its neighbours load.
pub async fn load<K: Key>(ctx: &Context<'_>, key: K) -> Result<Option<K::Value>, ServiceError> {
    ctx.data_unchecked::<Loader>().one(&key).await
}
