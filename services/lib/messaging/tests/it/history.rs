//! What was published before a consumer's queues existed.

use super::{Bench, Handling, PATIENCE, Seen, counted, publish, subscription};
use kit::Engine;
use messaging::{Consumer, HandleError, MemoryState, Message};
use std::time::Duration;
use tokio::time::{interval, timeout};

const ENGINES: &[Engine] = &[Engine::Rabbitmq];

#[tokio::test]
async fn a_log_that_is_never_silent_is_read_to_where_it_ended_when_the_queues_were_there() {
    let bench = Bench::new(ENGINES).await;
    bench.declare_shared().await;
    let publisher = bench.broker.publisher();
    publish(&publisher, (1..=30).map(|version| counted("before", version))).await.unwrap();
    let going_on = tokio::spawn(async move {
        let mut regularly = interval(Duration::from_millis(20));
        for version in 1.. {
            regularly.tick().await;
            publish(&publisher, [counted("since", version)]).await.unwrap();
        }
    });
    let seen = Seen::default();
    let noting = seen.clone();
    let handler = Handling(move |message: Message| {
        noting.add(&message);
        let poisoned = message.subject == "before" && message.version == 7;
        async move { if poisoned { Err(HandleError::permanent("poison")) } else { Ok(()) } }
    });
    let consumer = Consumer::new(&bench.broker, subscription(), &MemoryState::default(), handler);
    let read = timeout(PATIENCE, consumer.catch_up(8)).await.expect("an end").unwrap();
    assert!(!going_on.is_finished(), "events went on while the log was read");
    going_on.abort();
    assert_eq!(read, seen.len());
    let mut versions = seen.versions("before");
    versions.sort_unstable();
    assert_eq!(versions, (1..=30).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_empty_log_is_read_at_once() {
    let bench = Bench::new(ENGINES).await;
    let handler = Handling(async |_: Message| Ok(()));
    let consumer = Consumer::new(&bench.broker, subscription(), &MemoryState::default(), handler);
    assert_eq!(timeout(PATIENCE, consumer.catch_up(8)).await.expect("an end").unwrap(), 0);
}
