//! The breaker as tasks meet it: shared, timed and watched.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use breaker::{Breaker, Cause, Force, Forced, Outcome, Question, Recovery, Registry, State, Word};
use tokio::sync::Barrier;

const HASTY: Recovery = Recovery::Pause { base: Duration::from_millis(20), longest: Duration::from_secs(1) };
const CLASSES: &[&str] = &["read", "write"];

async fn half_opened() -> (Registry, Breaker) {
    let registry = Registry::new(100);
    tokio::spawn(registry.clone().drive());
    let breaker = registry.breaker("analytics", &["all"], HASTY);
    let mut transitions = registry.journal().subscribe(0);
    for _ in 0..5 {
        breaker.acquire(0, "ana").expect("closed").finish(Outcome::Failure);
    }
    assert_eq!(transitions.next().await.change.to, State::Open);
    assert_eq!(transitions.next().await.change.to, State::HalfOpen, "by the timer: nobody calls");
    (registry, breaker)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_concurrent_calls_three_get_through_half_open() {
    let (_registry, breaker) = half_opened().await;
    let admitted = Arc::new(AtomicUsize::new(0));
    let all_asked = Arc::new(Barrier::new(1_000));
    let calls = (0..1_000).map(|_| {
        let (breaker, admitted, all_asked) = (breaker.clone(), Arc::clone(&admitted), Arc::clone(&all_asked));
        tokio::spawn(async move {
            let permit = breaker.acquire(0, "ana").ok();
            admitted.fetch_add(usize::from(permit.is_some()), Ordering::Relaxed);
            // Nobody ends a call before everybody has asked.
            all_asked.wait().await;
            if let Some(permit) = permit {
                permit.finish(Outcome::Success);
            }
        })
    });
    futures::future::join_all(calls.collect::<Vec<_>>()).await;
    assert_eq!(admitted.load(Ordering::Relaxed), 3);
    assert_eq!(breaker.state(0), State::Closed);
}

#[tokio::test]
async fn cancelled_and_panicking_calls_give_their_permits_back() {
    let (_registry, breaker) = half_opened().await;
    for round in 0..50 {
        let held = Arc::new(Barrier::new(4));
        let calls: Vec<_> = (0..3)
            .map(|_| {
                let (permit, held) = (breaker.acquire(0, "ana").expect("all three are free"), Arc::clone(&held));
                tokio::spawn(async move {
                    let _permit = permit;
                    held.wait().await;
                    assert!(round % 2 == 0, "a call that panics");
                    std::future::pending::<()>().await;
                })
            })
            .collect();
        assert!(breaker.acquire(0, "ana").is_err());
        held.wait().await;
        for call in calls {
            call.abort();
            assert!(call.await.is_err());
        }
    }
    assert_eq!(breaker.snapshots().0[0].trials_under_way, 0);
    assert_eq!(breaker.state(0), State::HalfOpen, "cancellation is neutral");
}

#[tokio::test]
async fn transitions_are_numbered_and_a_watcher_goes_on_where_it_stopped() {
    let registry = Registry::new(4);
    let breaker = registry.breaker("shortener", CLASSES, Recovery::Probe);
    let order = |reason: &str| Force { to: Forced::Open, ttl: Duration::from_secs(60), reason: reason.into() };
    for number in 1..=6 {
        breaker.force(&order(&number.to_string()));
    }
    let numbers = |after| registry.journal().after(after).iter().map(|kept| kept.number).collect::<Vec<_>>();
    assert_eq!(numbers(0), [3, 4, 5, 6], "the ring keeps the latest");
    assert_eq!(numbers(5), [6]);

    let mut watcher = registry.journal().subscribe(4);
    assert_eq!(watcher.next().await.number, 5);
    assert_eq!(watcher.next().await.change.reason.as_deref(), Some("6"));
    breaker.reset("over");
    let last = watcher.next().await;
    assert_eq!((last.number, last.change.cause), (7, Cause::Reset));
    assert_eq!(last.classes, CLASSES, "what moves together is told together");

    let mut stranger = registry.journal().subscribe(1_000);
    assert_eq!(stranger.next().await.number, 4, "a number of an earlier process: all that is kept");
}

#[tokio::test]
async fn a_force_ends_by_the_timer() {
    let registry = Registry::new(10);
    tokio::spawn(registry.clone().drive());
    let breaker = registry.breaker("auth", CLASSES, Recovery::Probe);
    let mut transitions = registry.journal().subscribe(0);
    breaker.force(&Force { to: Forced::Open, ttl: Duration::from_millis(20), reason: "drill".into() });
    assert_eq!(transitions.next().await.change.cause, Cause::Forced);
    assert_eq!(transitions.next().await.change.cause, Cause::ForceExpired);
    assert_eq!(breaker.state(1), State::HalfOpen);
}

#[tokio::test]
async fn what_is_learnt_after_the_call_counts_too() {
    let registry = Registry::new(10);
    let breaker = registry.breaker("auth", CLASSES, Recovery::Probe);
    for caller in ["ana", "bia", "caio", "davi", "eva"] {
        let permit = breaker.acquire(0, caller).expect("closed");
        permit.finish(Outcome::Success).record(Outcome::Broken);
    }
    assert_eq!((breaker.state(0), breaker.state(1)), (State::Open, State::Closed));
    assert!(registry.get("auth").is_some() && registry.get("nobody").is_none());
}

#[tokio::test]
async fn whoever_asks_the_upstream_is_woken_by_doubt_and_not_before() {
    let registry = Registry::new(10);
    let breaker = registry.breaker("auth", CLASSES, Recovery::Probe);
    let asker = tokio::spawn({
        let breaker = breaker.clone();
        async move {
            breaker.doubted().await;
            breaker.answered(Question::Live, Word::Nothing);
        }
    });
    breaker.acquire(0, "ana").expect("closed").finish(Outcome::Success);
    assert!(!breaker.asks(Question::Live));
    breaker.acquire(0, "ana").expect("closed").finish(Outcome::Broken);
    asker.await.expect("an answer");
    assert_eq!(breaker.state(0), State::Open);
}
