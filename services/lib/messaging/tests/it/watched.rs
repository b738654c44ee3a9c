//! What an operator sees of a consumer that stands still, or that nobody runs.

use super::{Bench, Handling, PATIENCE, Running, counted, publish, subscription};
use kit::Engine;
use messaging::{MemoryState, Message};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The value of a metric of the consumer.
fn value(rendered: &str, name: &str) -> Option<f64> {
    let line = rendered.lines().find(|line| line.starts_with(&format!("{name}{{consumer=\"auth.counting\"}}")))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn a_consumer_that_stands_still_shows_how_old_its_oldest_message_is() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (handle, _guard) = (recorder.handle(), metrics::set_default_local_recorder(&recorder));
    let bench = Bench::new(&[Engine::Rabbitmq]).await;
    let go_on = Arc::new(Semaphore::new(0));
    let leave = Arc::clone(&go_on);
    let handler = Handling(move |_: Message| {
        let leave = Arc::clone(&leave);
        async move {
            leave.acquire().await?.forget();
            Ok(())
        }
    });
    let state = MemoryState::default();
    let running = Running::start(&bench.broker, subscription().partitions(1).prefetch(1), &state, handler).await;
    let mut old = counted("a", 1);
    old.time -= std::time::Duration::from_secs(600);
    publish(&bench.broker.publisher(), [old, counted("a", 2), counted("a", 3)]).await.unwrap();
    let shown = async |name: &str, is: fn(f64) -> bool| {
        let seen = async || Ok(value(&handle.render(), name).filter(|value| is(*value)));
        kit::eventually(PATIENCE, name, seen).await.unwrap();
    };
    shown("consumer_oldest_message_seconds", |age| age >= 600.0).await;
    shown("consumer_queued_messages", |count| count == 2.0).await;
    assert_eq!(value(&handle.render(), "consumer_queues_without_process"), Some(0.0));
    go_on.add_permits(3);
    shown("consumer_oldest_message_seconds", |age| age == 0.0).await;
    shown("consumer_queued_messages", |count| count == 0.0).await;
    running.stop().await;
}
