use super::{Bench, Handling, PATIENCE, Running, Seen, counted, publish, subscription};
use kit::{Engine, Proxy};
use lapin::{
    BasicProperties,
    options::{BasicPublishOptions, ExchangeDeleteOptions, QueueDeleteOptions},
};
use messaging::{Broker, ConsumerState, DeadLetters, HandleError, MemoryState, Message, dead_letters::Select};
use rstest::rstest;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, Semaphore};

const ENGINES: &[Engine] = &[Engine::Rabbitmq];

async fn dead_letters(
    bench: &Bench,
    state: &(impl ConsumerState + Clone),
    count: usize,
) -> Vec<messaging::dead_letters::DeadLetter> {
    let letters = DeadLetters::new(&bench.broker, &subscription(), state);
    let all = async || Ok(Some(letters.list(None, 100).await?).filter(|found| found.len() == count));
    kit::eventually(PATIENCE, "the dead letters", all).await.unwrap()
}

#[tokio::test]
async fn later_messages_of_a_failing_subject_wait_and_other_subjects_go_on() {
    let bench = Bench::new(ENGINES).await;
    let seen = Seen::default();
    let noting = seen.clone();
    let handler = Handling(move |message: Message| {
        let outcome = if message.subject == "a" && message.version == 2 && message.attempt < 2 {
            Err(HandleError::transient(anyhow::anyhow!("not yet")))
        } else {
            noting.add(&message);
            Ok(())
        };
        async { outcome }
    });
    let running = Running::start(&bench.broker, subscription().partitions(1), &MemoryState::default(), handler).await;
    let events = (1..=5).flat_map(|version| [counted("a", version), counted("b", version)]);
    publish(&bench.broker.publisher(), events).await.unwrap();
    seen.until("all messages", |seen| seen.len() == 10).await;
    running.stop().await;
    assert_eq!(seen.versions("a"), [1, 2, 3, 4, 5]);
    assert_eq!(seen.versions("b"), [1, 2, 3, 4, 5]);
    let order = seen.0.lock().unwrap().clone();
    let place = |wanted: (&str, u64)| order.iter().position(|(subject, version, _)| (&**subject, *version) == wanted);
    assert!(place(("b", 5)) < place(("a", 2)), "b did not wait for a: {order:?}");
    assert_eq!(order[place(("a", 2)).unwrap()].2, 2, "a's second version climbed two levels");
}

#[tokio::test]
async fn a_message_that_fails_to_the_end_is_a_dead_letter_and_those_behind_it_go_on() {
    let bench = Bench::new(ENGINES).await;
    let (seen, tries, state) = (Seen::default(), Arc::new(AtomicUsize::new(0)), MemoryState::default());
    let (noting, counting) = (seen.clone(), Arc::clone(&tries));
    let handler = Handling(move |message: Message| {
        let fails = message.version == 1;
        if fails {
            counting.fetch_add(1, Ordering::SeqCst);
        } else {
            noting.add(&message);
        }
        async move { if fails { anyhow::bail!("the moon is full") } else { Ok(()) } }.map_error()
    });
    let running = Running::start(&bench.broker, subscription(), &state, handler).await;
    let ids = publish(&bench.broker.publisher(), (1..=3).map(|version| counted("a", version))).await.unwrap();
    seen.until("the messages behind", |seen| seen.len() == 2).await;
    let dead = dead_letters(&bench, &state, 1).await;
    running.stop().await;
    assert_eq!(seen.versions("a"), [2, 3]);
    assert_eq!(tries.load(Ordering::SeqCst), 2 * 4, "two tries at first and on each of three levels");
    assert_eq!((dead[0].id, dead[0].attempts), (ids[0], 3));
    assert!(dead[0].reason.contains("the moon is full"));
}

#[tokio::test]
async fn a_permanent_error_is_a_dead_letter_at_once_and_a_panic_is_tried_again() {
    let bench = Bench::new(ENGINES).await;
    let (seen, state) = (Seen::default(), MemoryState::default());
    let noting = seen.clone();
    let handler = Handling(move |message: Message| {
        let seen = noting.clone();
        async move {
            match (message.version, message.attempt) {
                (1, _) => return Err(HandleError::permanent("no such thing")),
                (2, 0) => panic!("unthinkable"),
                _ => seen.add(&message),
            }
            Ok(())
        }
    });
    let running = Running::start(&bench.broker, subscription(), &state, handler).await;
    publish(&bench.broker.publisher(), (1..=3).map(|version| counted("a", version))).await.unwrap();
    seen.until("the others", |seen| seen.len() == 2).await;
    let dead = dead_letters(&bench, &state, 1).await;
    running.stop().await;
    assert_eq!(seen.0.lock().unwrap()[0], ("a".to_owned(), 2, 1));
    assert_eq!((dead[0].version, dead[0].attempts), (Some(1), 0));
}

#[tokio::test]
async fn what_is_not_an_event_is_a_dead_letter() {
    let bench = Bench::new(ENGINES).await;
    let (seen, state) = (Seen::default(), MemoryState::default());
    let noting = seen.clone();
    let handler = Handling(move |message: Message| {
        noting.add(&message);
        async { Ok(()) }
    });
    let running = Running::start(&bench.broker, subscription(), &state, handler).await;
    let channel = bench.broker.channel().await.unwrap();
    let (to, options) = (subscription().name().into(), BasicPublishOptions::default());
    channel.basic_publish(to, "any".into(), options, b"{", BasicProperties::default()).await.unwrap().await.unwrap();
    let dead = dead_letters(&bench, &state, 1).await;
    publish(&bench.broker.publisher(), [counted("a", 1)]).await.unwrap();
    seen.until("the event", |seen| seen.len() == 1).await;
    running.stop().await;
    assert_eq!((&dead[0].kind, &dead[0].subject), (&None, &None));
    // It can be named all the same.
    let (letters, named) = (DeadLetters::new(&bench.broker, &subscription(), &state), Select::Ids(vec![dead[0].id]));
    assert_eq!(letters.discard(&named, "op", "not ours").await.unwrap(), [dead[0].id]);
    dead_letters(&bench, &state, 0).await;
}

#[tokio::test]
async fn stopping_finishes_the_message_under_way_and_leaves_the_rest() {
    let bench = Bench::new(ENGINES).await;
    let (seen, begun, go_on) = (Seen::default(), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (noting, beginning, going_on) = (seen.clone(), Arc::clone(&begun), Arc::clone(&go_on));
    let handler = Handling(move |message: Message| {
        let (seen, begun, go_on) = (noting.clone(), Arc::clone(&beginning), Arc::clone(&going_on));
        async move {
            begun.notify_one();
            go_on.notified().await;
            seen.add(&message);
            Ok(())
        }
    });
    let state = MemoryState::default();
    let first = Running::start(&bench.broker, subscription(), &state, handler).await;
    publish(&bench.broker.publisher(), (1..=3).map(|version| counted("a", version))).await.unwrap();
    begun.notified().await;
    first.shutdown.cancel();
    go_on.notify_one();
    first.stop().await;
    assert_eq!(seen.versions("a"), [1]);

    let noting = seen.clone();
    let handler = Handling(move |message: Message| {
        noting.add(&message);
        async { Ok(()) }
    });
    let second = Running::start(&bench.broker, subscription(), &state, handler).await;
    seen.until("the rest", |seen| seen.len() >= 3).await;
    second.stop().await;
    assert_eq!(seen.versions("a"), [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_repeats_messages_but_loses_and_reorders_none() {
    let bench = Bench::new(ENGINES).await;
    let url = bench.sandbox.amqp("auth");
    let proxy = Proxy::start(url).await.unwrap();
    let fragile = Broker::new(&proxy.url(url).unwrap().into(), "behind-proxy");
    let seen = Seen::default();
    let noting = seen.clone();
    let handler = Handling(move |message: Message| {
        noting.add(&message);
        async { Ok(()) }
    });
    let running = Running::start(&fragile, subscription(), &MemoryState::default(), handler).await;
    let publisher = bench.broker.publisher();
    for round in 0..3 {
        let events = (1..=40).map(|number| counted(format!("s-{}", number % 5), round * 40 + number));
        publish(&publisher, events).await.unwrap();
        seen.until("some of the round", |seen| seen.len() > usize::try_from(round * 40 + 10).unwrap()).await;
        proxy.cut();
    }
    let complete = |seen: &Seen| (0..5).all(|subject| first_times(&seen.versions(&format!("s-{subject}"))).len() == 24);
    seen.until("all messages", complete).await;
    running.stop().await;
    for subject in 0..5 {
        let expected: Vec<u64> = (1..=120).filter(|number| number % 40 % 5 == subject).collect();
        assert_eq!(first_times(&seen.versions(&format!("s-{subject}"))), expected, "subject {subject}");
    }
}

#[rstest]
#[case::one_by_one(1)]
#[case::in_batches(8)]
#[tokio::test]
async fn queues_that_the_broker_has_lost_are_declared_and_consumed_from_again(#[case] batch: u16) {
    let bench = Bench::new(ENGINES).await;
    let (seen, begun, go_on) = (Seen::default(), Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (noting, beginning, going_on) = (seen.clone(), Arc::clone(&begun), Arc::clone(&go_on));
    let handler = Handling(move |message: Message| {
        let (seen, begun, go_on) = (noting.clone(), Arc::clone(&beginning), Arc::clone(&going_on));
        async move {
            begun.notify_one();
            let _leave = go_on.acquire().await?;
            seen.add(&message);
            Ok(())
        }
    });
    let batches = subscription().partitions(1).batch(batch);
    let running = Running::start(&bench.broker, batches, &MemoryState::default(), handler).await;
    let publisher = bench.broker.publisher();
    // Behind the first, which is being handled, the others are fetched ahead when the broker says that it is over.
    publish(&publisher, (1..=3).map(|version| counted("a", version))).await.unwrap();
    begun.notified().await;
    let (channel, name) = (bench.broker.channel().await.unwrap(), subscription());
    channel.queue_delete(format!("{}.0", name.name()).into(), QueueDeleteOptions::default()).await.unwrap();
    channel.exchange_delete(name.name().into(), ExchangeDeleteOptions::default()).await.unwrap();
    go_on.add_permits(1);
    let since = async || {
        publish(&publisher, [counted("since", 1)]).await?;
        Ok((!seen.versions("since").is_empty()).then_some(()))
    };
    kit::eventually(PATIENCE, "what is published since to be handled", since).await.unwrap();
    running.stop().await;
}

/// The versions that are newer than all before them.
fn first_times(versions: &[u64]) -> Vec<u64> {
    let mut newest = Vec::new();
    for version in versions {
        if newest.last().is_none_or(|last| last < version) {
            newest.push(*version);
        }
    }
    newest
}

#[tokio::test]
async fn a_message_that_its_consumers_crash_on_is_a_dead_letter_in_the_end() {
    let bench = Bench::new(ENGINES).await;
    let state = MemoryState::default();
    let subscription = || subscription().delivery_limit(2);
    let begun = Arc::new(Notify::new());
    for crash in 0..3 {
        let beginning = Arc::clone(&begun);
        let handler = Handling(move |_| {
            beginning.notify_one();
            std::future::pending()
        });
        let running = Running::start(&bench.broker, subscription(), &state, handler).await;
        if crash == 0 {
            publish(&bench.broker.publisher(), [counted("a", 1)]).await.unwrap();
        }
        begun.notified().await;
        running.task.abort();
    }
    let dead = dead_letters(&bench, &state, 1).await;
    assert_eq!((dead[0].version, &*dead[0].reason), (Some(1), "delivery_limit"));
}

/// Makes any error of a future a transient one, as `?` does.
trait MapError: Future<Output = anyhow::Result<()>> + Sized {
    async fn map_error(self) -> Result<(), HandleError> {
        Ok(self.await?)
    }
}

impl<F: Future<Output = anyhow::Result<()>>> MapError for F {}

#[tokio::test]
async fn a_try_that_takes_too_long_is_ended() {
    let bench = Bench::new(ENGINES).await;
    let seen = Seen::default();
    let noting = seen.clone();
    let handler = Handling(move |message: Message| {
        let seen = noting.clone();
        async move {
            if message.attempt == 0 {
                std::future::pending::<()>().await;
            }
            seen.add(&message);
            Ok(())
        }
    });
    let hasty = subscription().tries(1, Duration::ZERO, Duration::from_millis(50));
    let running = Running::start(&bench.broker, hasty, &MemoryState::default(), handler).await;
    publish(&bench.broker.publisher(), [counted("a", 1)]).await.unwrap();
    seen.until("the second try", |seen| seen.len() == 1).await;
    running.stop().await;
}
