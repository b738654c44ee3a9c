use super::{Bench, PATIENCE, counted, publish, read_log};
use contracts::amqp::EVENTS_LOG;
use kit::{Engine, Proxy};
use messaging::{
    Broker,
    lock::Lock,
    stream::{Reader, Start, StreamError},
};
use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};
use tokio::time::timeout;

const ENGINES: &[Engine] = &[Engine::Rabbitmq];

#[tokio::test]
async fn a_reader_resumes_after_any_offset() {
    let bench = Bench::new(ENGINES).await;
    bench.declare_shared().await;
    let publisher = bench.broker.publisher();
    publish(&publisher, (1..=50).map(|version| counted("a", version))).await.unwrap();
    let log = read_log(&bench.broker, 50).await.unwrap();
    let versions: Vec<u64> = log.iter().map(|record| record.message.version).collect();
    assert_eq!(versions, (1..=50).collect::<Vec<_>>());
    assert!(log.windows(2).all(|pair| pair[0].offset < pair[1].offset));

    for stopped in [0, 17, 48] {
        let mut reader = Reader::open(&bench.broker, EVENTS_LOG, Start::After(log[stopped].offset)).prefetch(7);
        let record = timeout(PATIENCE, reader.next()).await.unwrap().unwrap();
        assert_eq!(record.message.id, log[stopped + 1].message.id);
    }
    let mut reader = Reader::open(&bench.broker, EVENTS_LOG, Start::First);
    let batch = timeout(PATIENCE, reader.next_many(20, Duration::from_secs(5))).await.unwrap().unwrap();
    assert_eq!(
        batch.iter().map(|record| record.offset).collect::<Vec<_>>(),
        log[..20].iter().map(|record| record.offset).collect::<Vec<_>>()
    );
    let rest = timeout(PATIENCE, reader.next_many(100, Duration::from_millis(500))).await.unwrap().unwrap();
    assert_eq!(rest.len(), 30);
    let mut reader = Reader::open(&bench.broker, EVENTS_LOG, Start::Last);
    let newest = timeout(PATIENCE, reader.next()).await.unwrap().unwrap();
    assert!(newest.offset > log[0].offset, "{}", newest.offset);
}

#[tokio::test]
async fn a_reader_from_next_sees_only_what_comes() {
    let bench = Bench::new(ENGINES).await;
    bench.declare_shared().await;
    let publisher = bench.broker.publisher();
    publish(&publisher, (1..=5).map(|version| counted("old", version))).await.unwrap();
    let mut reader = Reader::open(&bench.broker, EVENTS_LOG, Start::Next);
    let mut number = 0;
    let mut coming = async || {
        number += 1;
        publish(&publisher, [counted("new", number)]).await?;
        Ok(timeout(Duration::from_secs(1), reader.next()).await.ok())
    };
    let first = kit::eventually(PATIENCE, "a new record", &mut coming).await.unwrap().unwrap();
    assert_eq!(first.message.subject, "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_connection_is_cut_misses_and_repeats_nothing() {
    let bench = Bench::new(ENGINES).await;
    bench.declare_shared().await;
    let publisher = bench.broker.publisher();
    publish(&publisher, (1..=300).map(|version| counted("a", version))).await.unwrap();
    let url = bench.sandbox.amqp("auth");
    let proxy = Proxy::start(url).await.unwrap();
    let fragile = Broker::new(&proxy.url(url).unwrap().into(), "behind-proxy");
    let mut reader = Reader::open(&fragile, EVENTS_LOG, Start::First).prefetch(10);
    let mut versions = Vec::new();
    while versions.len() < 300 {
        versions.push(timeout(PATIENCE, reader.next()).await.unwrap().unwrap().message.version);
        if versions.len() % 75 == 0 {
            proxy.cut();
        }
    }
    assert_eq!(versions, (1..=300).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_that_is_shorter_than_it_was_is_an_error_not_a_silence() {
    let bench = Bench::new(ENGINES).await;
    bench.declare_shared().await;
    let publisher = bench.broker.publisher();
    publish(&publisher, [counted("a", 1)]).await.unwrap();
    let mut reader = Reader::open(&bench.broker, EVENTS_LOG, Start::After(1000)).doubt(Duration::from_millis(500));
    let outcome = timeout(PATIENCE, reader.next()).await.unwrap();
    assert!(matches!(outcome, Err(StreamError::Rewound { expected: 1000 })), "{outcome:?}");
}

#[tokio::test]
async fn a_reader_at_the_end_of_a_stream_waits_without_doubt() {
    let bench = Bench::new(ENGINES).await;
    bench.declare_shared().await;
    let publisher = bench.broker.publisher();
    publish(&publisher, [counted("a", 1)]).await.unwrap();
    let end = read_log(&bench.broker, 1).await.unwrap()[0].offset;
    let mut reader = Reader::open(&bench.broker, EVENTS_LOG, Start::After(end)).doubt(Duration::from_secs(5));
    assert!(timeout(Duration::from_secs(7), reader.next()).await.is_err());
    publish(&publisher, [counted("a", 2)]).await.unwrap();
    let record = timeout(PATIENCE, reader.next()).await.unwrap().unwrap();
    assert_eq!(record.message.version, 2);
}

#[tokio::test]
async fn the_end_of_a_stream_is_told_but_not_of_one_that_cannot_be_read() {
    let bench = Bench::new(ENGINES).await;
    bench.declare_shared().await;
    let publisher = bench.broker.publisher();
    publish(&publisher, (1..=3).map(|version| counted("a", version))).await.unwrap();
    let (silence, mut read) = (Duration::from_secs(1), 0);
    let mut reader = Reader::open(&bench.broker, EVENTS_LOG, Start::First);
    while let Some(records) = reader.next_many_or_end(2, silence, silence).await.unwrap() {
        read += records.len();
    }
    assert_eq!(read, 3);
    publish(&publisher, [counted("a", 4)]).await.unwrap();
    let next = timeout(PATIENCE, reader.next_or_end(silence)).await.unwrap().unwrap();
    assert_eq!(next.map(|record| record.message.version), Some(4), "an end is no end for ever");

    let away = Broker::new(&"amqp://127.0.0.1:1".to_owned().into(), "away");
    let mut reader = Reader::open(&away, EVENTS_LOG, Start::First);
    assert!(timeout(Duration::from_secs(2), reader.next_or_end(Duration::from_millis(10))).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_has_one_holder_and_passes_on_when_it_is_released_or_lost() {
    let bench = Bench::new(ENGINES).await;
    let url = bench.sandbox.amqp("auth");
    let proxy = Proxy::start(url).await.unwrap();
    let fragile = Broker::new(&proxy.url(url).unwrap().into(), "behind-proxy");
    let first = Lock::acquire(&fragile, "auth.ingesting").await.unwrap();
    let waiting = tokio::spawn({
        let broker = bench.broker.clone();
        async move { Lock::acquire(&broker, "auth.ingesting").await }
    });
    assert!(timeout(Duration::from_millis(100), first.lost()).await.is_err());
    assert!(!waiting.is_finished());
    proxy.cut();
    timeout(PATIENCE, first.lost()).await.expect("the holder hears of it");
    let second = timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    second.release().await.unwrap();
    let third = timeout(PATIENCE, Lock::acquire(&fragile, "auth.ingesting")).await.unwrap().unwrap();
    assert!(timeout(Duration::from_millis(100), third.lost()).await.is_err());
}

#[tokio::test]
async fn a_lock_whose_acquirer_is_dropped_at_any_moment_is_free() {
    let bench = Bench::new(ENGINES).await;
    for polls in 1.. {
        let acquired = polled(polls, Lock::acquire(&bench.broker, "auth.ingesting")).await;
        let was_acquired = acquired.is_some();
        drop(acquired);
        let next = timeout(PATIENCE, Lock::acquire(&bench.broker, "auth.ingesting")).await;
        let next = next.unwrap_or_else(|_| panic!("dropped after {polls} polls, it holds the lock")).unwrap();
        next.release().await.unwrap();
        if was_acquired {
            break;
        }
    }
}

/// Polls a future so many times and drops it.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), times);
    poll_fn(|context| {
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
