//! Batches by level of a query, without timers: the execution shows when a level is complete.

use super::Loader;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, FuturesUnordered};
use futures::task::AtomicWaker;
use futures::{Stream, StreamExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use tokio::task::coop;

/// Runs an execution and the calls that its fields wait for.
pub async fn drive<T>(loader: Loader, execution: impl Future<Output = T>) -> T {
    let mut driver = LevelDriver::of(loader);
    let mut execution = std::pin::pin!(execution);
    std::future::poll_fn(|context| driver.poll(context, |context| execution.as_mut().poll(context))).await
}

/// Runs an execution of many results. Each result loads everything again.
pub fn drive_all<T>(loader: Loader, mut results: BoxStream<'static, T>) -> impl Stream<Item = T> + Send + 'static
where
    T: Send + 'static,
{
    let mut driver = LevelDriver::of(loader);
    stream::poll_fn(move |context| driver.poll(context, |context| results.poll_next_unpin(context)))
}

/// Drives an execution and its calls in one task. When the execution is pending and was not woken meanwhile, all its
/// fields wait. Then the keys that they wait for are the whole level, and go in one call for each kind.
struct LevelDriver {
    loader: Loader,
    calls: FuturesUnordered<BoxFuture<'static, ()>>,
    flag: Arc<WakeFlag>,
    waker: Waker,
}

impl LevelDriver {
    fn of(loader: Loader) -> Self {
        let flag = Arc::new(WakeFlag { set: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { loader, calls: FuturesUnordered::new(), waker: Arc::clone(&flag).into(), flag }
    }

    fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        mut execution: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.flag.task.register(context.waker());
        loop {
            // An answer sets the flag, because it wakes the fields that waited for it.
            while self.calls.poll_next_unpin(context) == Poll::Ready(Some(())) {}
            if !self.flag.set.swap(false, Ordering::AcqRel) {
                return Poll::Pending;
            }
            if let Poll::Ready(result) = execution(&mut Context::from_waker(&self.waker)) {
                self.calls.clear();
                self.loader.forget();
                self.flag.set.store(true, Ordering::Release);
                return Poll::Ready(result);
            }
            // An execution that woke itself may ask for more keys. A field that used up tokio's budget is woken later,
            // and counts as woken.
            if !coop::has_budget_remaining() {
                self.waker.wake_by_ref();
            }
            if self.flag.set.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            self.calls.extend(self.loader.begin());
            if self.calls.is_empty() {
                return Poll::Pending;
            }
        }
    }
}

/// Records that an execution was woken, and wakes its task.
struct WakeFlag {
    set: AtomicBool,
    task: AtomicWaker,
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set.store(true, Ordering::Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Services;
    use crate::config;
    use crate::graphql::load::{CustomerOf, ProductOf};
    use crate::origin::Origin;
    use crate::stale_cache::StaleCache;
    use crate::store::Store;
    use crate::upstream::Upstreams;
    use breaker::Registry;
    use futures::poll;
    use serde_json::json;
    use std::net::{IpAddr, Ipv4Addr};
    use tokio::net::TcpListener;
    use uuid::Uuid;

    /// A loader from services that listen here.
    async fn loader() -> (Loader, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (registry, redis) = (Registry::new(1), json!({ "url": "redis://127.0.0.1:1", "prefix": "t:" }));
        let store = Store::new(&serde_json::from_value(redis).expect("settings"), &registry).expect("a store");
        let upstreams = json!({ "orders": { "url": url }, "inventory": { "url": url } });
        let upstreams = Upstreams::new(&serde_json::from_value(upstreams).expect("upstreams"), &registry);
        let origin = Origin::new(None, IpAddr::V4(Ipv4Addr::LOCALHOST));
        (Loader::new(Services::new(upstreams, origin), StaleCache::new(store, config::StaleCache::default())), listener)
    }

    #[tokio::test]
    async fn a_level_that_is_complete_waits_for_nothing() {
        let (loader, listener) = loader().await;
        let (product, customer) = (ProductOf(Uuid::nil()), CustomerOf(Uuid::nil()));
        let level = async { futures::join!(loader.one(&product), loader.one(&customer)).0.is_ok() };
        let mut driven = std::pin::pin!(drive(loader.clone(), level));
        assert!(poll!(driven.as_mut()).is_pending());
        // It is not polled again: both calls began at once.
        for _ in 0..2 {
            listener.accept().await.expect("a call");
        }
    }

    /// Lets others go first, once.
    async fn give_way() {
        let mut has = false;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut has, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[tokio::test]
    async fn a_level_goes_when_no_field_can_go_on() {
        let (loader, listener) = loader().await;
        let [one, late, latest] = [0, 1, 2].map(|number| ProductOf(Uuid::from_u128(number)));
        let after_others = async {
            give_way().await;
            loader.one(&late).await
        };
        let after_its_budget = async {
            for _ in 0..1_000 {
                tokio::task::consume_budget().await;
            }
            loader.one(&latest).await
        };
        let fields = async { futures::join!(loader.one(&one), after_others, after_its_budget).0.is_ok() };
        let mut driven = std::pin::pin!(drive(loader.clone(), fields));
        let call = async {
            let (mut stream, _) = listener.accept().await.expect("a call");
            request(&mut stream).await
        };
        let asked = tokio::select! {
            _ = &mut driven => unreachable!("nobody answers"),
            asked = call => asked,
        };
        for key in [one, late, latest] {
            assert!(asked.contains(&key.0.to_string()), "{key:?} went in another call: {asked}");
        }
    }

    /// Reads a request up to the end of its JSON.
    async fn request(stream: &mut tokio::net::TcpStream) -> String {
        use tokio::io::AsyncReadExt as _;
        let mut text = String::new();
        while !text.ends_with("]}") {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.expect("a request");
            text += std::str::from_utf8(&buffer[..read]).expect("text");
        }
        text
    }
}
