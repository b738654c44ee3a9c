use super::{Bench, Counted, counted, publish, read_log};
use contracts::{
    amqp::CLICKS_KEY,
    envelope::{Event, EventData},
    event::TYPES,
};
use futures::future::join_all;
use kit::{Engine, Proxy};
use messaging::{Broker, Outgoing, PublishError};

#[tokio::test]
async fn what_is_confirmed_is_in_the_log_as_it_was_published() {
    let bench = Bench::new(&[Engine::Rabbitmq]).await;
    bench.declare_shared().await;
    let event = counted("one", 1);
    bench.broker.publisher().publish(Outgoing::event(event.clone()).unwrap()).await.unwrap();
    let log = read_log(&bench.broker, 1).await.unwrap();
    let read = log[0].message.decode::<Counted>().unwrap();
    assert_eq!(read, event);
}

#[tokio::test]
async fn every_type_of_event_is_kept_in_a_log_clicks_in_one_of_their_own() {
    let bench = Bench::new(&[Engine::Rabbitmq]).await;
    bench.declare_shared().await;
    let publisher = bench.broker.publisher();
    for kind in TYPES {
        let event = counted(*kind, 1).encode().unwrap();
        let event = Event { kind: (*kind).to_owned(), ..event };
        publisher.publish(Outgoing::envelope(event)).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
    let log = read_log(&bench.broker, TYPES.len() - 1).await.unwrap();
    let kept: Vec<&str> = log.iter().map(|record| record.message.kind.as_str()).collect();
    let all_but_clicks: Vec<&str> = TYPES.iter().copied().filter(|kind| *kind != CLICKS_KEY).collect();
    assert_eq!(kept, all_but_clicks);
}

/// A routing key that no queue is bound by, or can be: AMQP has no room for it.
fn nobodys(number: u64) -> String {
    if number.is_multiple_of(2) { "nobody.listens".to_owned() } else { "long".repeat(100) }
}

#[tokio::test]
async fn an_unroutable_message_is_an_error_for_itself_only() {
    let bench = Bench::new(&[Engine::Rabbitmq]).await;
    bench.declare_shared().await;
    let publisher = bench.broker.publisher();
    // In one window, so that the client may hang returns on other messages' confirms.
    let published = (1..=300).map(|number| {
        let mut message = Outgoing::event(counted("some", number)).unwrap();
        if number % 3 == 0 {
            message.routing_key = nobodys(number);
        }
        let publisher = publisher.clone();
        async move { (number, publisher.publish(message).await) }
    });
    for (number, outcome) in join_all(published).await {
        match outcome {
            Ok(()) => assert_ne!(number % 3, 0, "{number} has no queue"),
            Err(PublishError::Unroutable { routing_key, .. }) => {
                assert_eq!((number % 3, routing_key), (0, nobodys(number)));
            }
            Err(other) => panic!("{number}: {other}"),
        }
    }
    assert_eq!(read_log(&bench.broker, 200).await.unwrap().len(), 200);
}

#[tokio::test]
async fn a_broker_that_is_away_is_an_error_and_publishing_goes_on_when_it_is_back() {
    let bench = Bench::new(&[Engine::Rabbitmq]).await;
    bench.declare_shared().await;
    let url = bench.sandbox.amqp("auth");
    let proxy = Proxy::start(url).await.unwrap();
    let publisher = Broker::new(&proxy.url(url).unwrap().into(), "behind-proxy").publisher();
    publish(&publisher, [counted("one", 1)]).await.unwrap();
    proxy.cut();
    // The first may still go into the cut connection; it says so, and is published again.
    let again = counted("one", 2);
    let publishing = async || Ok(publisher.publish(Outgoing::event(again.clone())?).await.ok());
    kit::eventually(super::PATIENCE, "publishing to succeed again", publishing).await.unwrap();
    let log = read_log(&bench.broker, 2).await.unwrap();
    assert_eq!(log[1].message.kind, Counted::TYPE);
    assert_eq!(log[1].message.id, again.id);
}
