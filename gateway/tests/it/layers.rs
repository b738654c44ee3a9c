//! Single layers of the stack, in front of an upstream made of code.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use breaker::Registry;
use bytes::Bytes;
use gateway::config;

use gateway::upstream::call::{Call, CallResult, UpstreamBody, UpstreamResponse};
use gateway::upstream::connect;
use gateway::upstream::error::UpstreamError;
use gateway::upstream::layers::{Bulkhead, Layer, Retry, SingleFlight};
use http::{HeaderMap, Method, StatusCode};
use rstest::rstest;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Counts its calls and always answers the same status, once it is allowed to.
struct Upstream {
    status: StatusCode,
    calls: AtomicUsize,
    open: Option<Notify>,
}

impl Upstream {
    fn answering(status: u16) -> Arc<Self> {
        Arc::new(Self {
            status: StatusCode::from_u16(status).expect("a status"),
            calls: AtomicUsize::new(0),
            open: None,
        })
    }

    fn holding() -> Arc<Self> {
        Arc::new(Self { status: StatusCode::OK, calls: AtomicUsize::new(0), open: Some(Notify::new()) })
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// What a layer under test stands around.
struct Inner(Arc<Upstream>);

impl Layer for Inner {
    async fn call(&self, _: Call) -> CallResult {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        if let Some(open) = &self.0.open {
            open.notified().await;
        }
        Ok(UpstreamResponse {
            status: self.0.status,
            headers: HeaderMap::new(),
            body: UpstreamBody::Whole(Bytes::new()),
        })
    }
}

fn get() -> Call {
    Call::new(Method::GET, "/")
}

#[tokio::test]
async fn retries_are_at_most_a_fifth_of_the_calls_once_the_savings_are_spent() {
    let upstream = Upstream::answering(503);
    let stack = Retry::new("test", Duration::from_secs(1), Inner(upstream.clone()));
    for _ in 0..200 {
        stack.call(get()).await.expect("an answer");
    }
    let retries = upstream.calls() - 200;
    assert!((48..=50).contains(&retries), "{retries}: ten saved, and one for five calls");
}

#[tokio::test]
async fn an_answer_that_says_when_to_come_back_is_not_asked_again() {
    let refusing = Upstream::answering(429);
    let stack = Retry::new("test", Duration::from_secs(1), Inner(refusing.clone()));
    stack.call(get()).await.expect("an answer");
    assert_eq!(refusing.calls(), 1);
}

#[tokio::test]
async fn a_full_bulkhead_sheds_at_once_and_frees_places_however_calls_end() {
    let upstream = Upstream::holding();
    let stack = Arc::new(Bulkhead::new("test", 2, Inner(upstream.clone())));
    let (first, second) = (tokio::spawn(run(&stack)), tokio::spawn(run(&stack)));
    kit::eventually(Duration::from_secs(5), "two calls", async || Ok((upstream.calls() == 2).then_some(())))
        .await
        .expect("they get through");
    assert!(matches!(stack.call(get()).await, Err(UpstreamError::Shed)));
    first.abort();
    second.abort();
    assert!(first.await.is_err() && second.await.is_err());
    let third = tokio::spawn(run(&stack));
    kit::eventually(Duration::from_secs(5), "a third", async || Ok((upstream.calls() == 3).then_some(())))
        .await
        .expect("there is room");
    third.abort();
}

#[tokio::test]
async fn one_caller_has_a_share_of_the_places() {
    let upstream = Upstream::holding();
    let stack = Bulkhead::new("test", 4, Inner(upstream.clone()));
    let call = |caller: &str| Call { caller: caller.into(), ..get() };
    let mut first = Box::pin(stack.call(call("ana")));
    assert!(futures::poll!(&mut first).is_pending());
    assert!(matches!(stack.call(call("ana")).await, Err(UpstreamError::Shed)));
    let mut other = Box::pin(stack.call(call("bia")));
    assert!(futures::poll!(&mut other).is_pending(), "there is room for others");
    drop(first);
    let mut second = Box::pin(stack.call(call("ana")));
    assert!(futures::poll!(&mut second).is_pending(), "the place was given back");
}

fn run(stack: &Arc<impl Layer>) -> impl Future<Output = CallResult> + Send + 'static {
    let stack = Arc::clone(stack);
    async move { stack.call(get()).await }
}

#[tokio::test]
async fn a_flight_goes_on_as_long_as_anybody_waits_and_is_not_joined_once_it_has_landed() {
    let upstream = Upstream::holding();
    let stack = Arc::new(SingleFlight::new(Inner(upstream.clone())));
    let leader = tokio::spawn(run(&stack));
    kit::eventually(Duration::from_secs(5), "the flight", async || Ok((upstream.calls() == 1).then_some(())))
        .await
        .expect("it takes off");
    let mut follower = Box::pin(stack.call(get()));
    assert!(futures::poll!(&mut follower).is_pending());
    leader.abort();
    assert!(leader.await.is_err());
    upstream.open.as_ref().expect("held").notify_one();
    assert!(follower.await.is_ok(), "the leader's leaving is not the follower's loss");
    assert_eq!(upstream.calls(), 1);
    let mut next = Box::pin(stack.call(get()));
    assert!(futures::poll!(&mut next).is_pending());
    assert_eq!(upstream.calls(), 2);
}

#[rstest]
#[case::when_it_is_answered(false)]
#[case::when_its_client_has_left(true)]
#[tokio::test]
async fn after_a_write_its_caller_joins_no_read_that_began_before(#[case] has_left: bool) {
    let upstream = Upstream::holding();
    let stack = SingleFlight::new(Inner(upstream.clone()));
    let call = |method, caller: &str| Call { caller: caller.into(), ..Call::new(method, "/") };
    let mut earlier = Box::pin(stack.call(call(Method::GET, "ana")));
    let mut of_another = Box::pin(stack.call(call(Method::GET, "bia")));
    let mut write = Box::pin(stack.call(call(Method::POST, "ana")));
    for begun in [&mut earlier, &mut of_another, &mut write] {
        assert!(futures::poll!(begun).is_pending());
    }
    if has_left {
        // It may have been carried out all the same.
        drop(write);
    } else {
        // The reads have been let through as well, and nobody has looked at them yet: they are still under way.
        upstream.open.as_ref().expect("held").notify_waiters();
        write.await.expect("an answer");
    }
    let calls = upstream.calls();
    let mut later = Box::pin(stack.call(call(Method::GET, "ana")));
    assert!(futures::poll!(&mut later).is_pending());
    assert_eq!(upstream.calls(), calls + 1, "it looks for itself");
    let mut joining = Box::pin(stack.call(call(Method::GET, "bia")));
    let is_ready = futures::poll!(&mut joining).is_ready();
    assert_eq!(is_ready, !has_left, "a read that was let through is brought on by the one that joins");
    assert_eq!(upstream.calls(), calls + 1, "what others share stays");
}

#[tokio::test(start_paused = true)]
async fn analytics_that_hangs_is_waited_for_as_long_as_its_deadline_and_less_than_a_second() {
    // Its connections are accepted by the kernel and never answered.
    let hanging = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let mut settings = config::Upstreams::default().resolved().remove("analytics").expect("it is always there");
    settings.url = format!("http://{}", hanging.local_addr().expect("an address")).parse().ok();
    chassis::jwt::crypto::install();
    let analytics =
        gateway::upstream::Upstream::new("analytics", settings.clone(), &Registry::new(10), connect::connector());
    let began = Instant::now();
    let outcome = analytics.call(get()).await;
    let took = began.elapsed();
    assert!(matches!(outcome, Err(UpstreamError::Late)), "{:?}", outcome.err());
    assert!(took >= settings.deadline() && took < Duration::from_secs(1), "{took:?}");
}
