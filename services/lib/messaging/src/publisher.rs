//! Publishing with the broker's word for it.

use crate::broker::answer;
use crate::wire::Frame;
use crate::{Broker, Outgoing, PublishError, metrics};
use futures::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How many messages are on their way to the broker at once.
pub(super) const WINDOW: usize = 256;
/// How long the broker may take to confirm a window.
const CONFIRM_LIMIT: Duration = Duration::from_secs(10);

/// Publishes persistent, mandatory messages and waits for their confirms; a clone shares the channel.
///
/// A message counts as published when it is **acked and not returned**: the broker acks an
/// unroutable message too. A return is matched by message id, and a window is only judged when all
/// of it is confirmed, because the client may hang a return on another message's confirm.
#[derive(Clone)]
pub struct Publisher {
    broker: Broker,
    requests: mpsc::Sender<Request>,
}

struct Request {
    exchange: ShortString,
    routing_key: ShortString,
    frame: Frame,
    done: oneshot::Sender<Result<(), PublishError>>,
}

impl Broker {
    /// Starts a publisher: a task and a channel of its own, shared by its clones.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        Publisher::start(self.clone())
    }
}

impl Publisher {
    pub(super) fn start(broker: Broker) -> Self {
        let (requests, queue) = mpsc::channel(WINDOW);
        tokio::spawn(run(broker.clone(), queue));
        Self { broker, requests }
    }

    /// The broker that it publishes to.
    pub(super) fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Publishes `message`; concurrent calls share a window of 256, one call after another keeps order.
    /// After a failure the broker may have it all the same: publish it again with the same id.
    pub async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        let frame = Frame::of(&message.envelope)?;
        self.send(message.exchange, message.routing_key, frame).await
    }

    pub(super) async fn send(&self, exchange: String, routing_key: String, frame: Frame) -> Result<(), PublishError> {
        // AMQP has no room for longer ones, so no queue can be bound by them.
        let (Ok(to), Ok(key)) = (ShortString::try_new(&exchange), ShortString::try_new(&routing_key)) else {
            return Err(PublishError::Unroutable { exchange, routing_key });
        };
        let (done, confirmed) = oneshot::channel();
        let request = Request { exchange: to, routing_key: key, frame, done };
        let gone = |_| PublishError::unavailable("the publisher has stopped");
        self.requests.send(request).await.map_err(|_| gone(()))?;
        confirmed.await.map_err(|_| gone(()))?
    }
}

async fn run(broker: Broker, mut queue: mpsc::Receiver<Request>) {
    let mut channel = None;
    let mut window = Vec::with_capacity(WINDOW);
    while queue.recv_many(&mut window, WINDOW).await > 0 {
        let open = match channel.take() {
            Some(channel) => Ok(channel),
            None => open(&broker).await,
        };
        match open {
            Ok(open) => {
                let (whole, verdicts) = publish(&open, &window).await;
                settle(&mut window, verdicts);
                channel = whole.then_some(open);
            }
            Err(error) => {
                let error = format!("{error:#}");
                let verdicts = window.iter().map(|_| Err(PublishError::unavailable(&error))).collect();
                settle(&mut window, verdicts);
            }
        }
    }
}

async fn open(broker: &Broker) -> anyhow::Result<Channel> {
    let channel = broker.publishing_channel().await?;
    answer(channel.confirm_select(ConfirmSelectOptions::default())).await?;
    Ok(channel)
}

fn settle(window: &mut Vec<Request>, verdicts: Vec<Result<(), PublishError>>) {
    for (request, verdict) in window.drain(..).zip(verdicts) {
        let outcome = if verdict.is_ok() { "confirmed" } else { "failed" };
        ::metrics::counter!(metrics::PUBLISHED, "outcome" => outcome).increment(1);
        // Whoever asked may have given up waiting; the message is published all the same.
        let _ = request.done.send(verdict);
    }
}

/// Publishes a window and judges it; says also whether the channel may be used again.
async fn publish(channel: &Channel, window: &[Request]) -> (bool, Vec<Result<(), PublishError>>) {
    let confirms = timeout(CONFIRM_LIMIT, async {
        let mut promises = Vec::with_capacity(window.len());
        for request in window {
            promises.push(hand_over(channel, request).await);
        }
        join_all(promises.into_iter().map(|promise| async { promise?.await })).await
    });
    let Ok(confirms) = confirms.await else {
        let late = || Err(PublishError::unavailable("the confirm did not come in time"));
        return (false, window.iter().map(|_| late()).collect());
    };
    let whole = confirms.iter().all(Result::is_ok);
    let mut returned = HashSet::new();
    let mut answers = Vec::with_capacity(confirms.len());
    for confirm in confirms {
        answers.push(confirm.map(|confirmation| {
            let acked = confirmation.is_ack();
            if let Some(message) = confirmation.take_message() {
                let id = message.properties.message_id().as_ref().map(ToString::to_string);
                returned.insert(id.unwrap_or_default());
            }
            acked
        }));
    }
    let verdicts = window.iter().zip(answers).map(|(request, answer)| match answer {
        Err(error) => Err(PublishError::unavailable(error)),
        Ok(false) => Err(PublishError::Refused),
        Ok(true) if returned.contains(request.frame.message_id()) => Err(PublishError::Unroutable {
            exchange: request.exchange.to_string(),
            routing_key: request.routing_key.to_string(),
        }),
        Ok(true) => Ok(()),
    });
    (whole, verdicts.collect())
}

async fn hand_over(
    channel: &Channel,
    request: &Request,
) -> lapin::Result<impl Future<Output = lapin::Result<Confirmation>> + use<>> {
    channel
        .basic_publish(
            request.exchange.clone(),
            request.routing_key.clone(),
            BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() },
            &request.frame.body,
            request.frame.properties.clone(),
        )
        .await
}
