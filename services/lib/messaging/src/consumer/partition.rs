//! One partition: a queue whose messages are handled one after the other.

use super::measure::InHand;
use super::subject_queues::{SubjectQueues, Turn};
use super::{Handler, Shared, tries};
use crate::broker::answer;
use crate::state::Waiting;
use crate::subscribed::Subscribed;
use crate::topology::{dead_queue, delay_queue, direct, partition_queue};
use crate::wire::{self, Frame};
use crate::{HandleError, Message, delays, metrics};
use anyhow::Context as _;
use chassis::batch_delay::BatchDelay;
use chassis::telemetry;
use chrono::Utc;
use futures::{FutureExt as _, StreamExt as _};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// How long a subscription must have lasted for its end to count as the first.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// How much of why a message failed goes with a dead letter, in characters: a header has to fit into one frame.
const REASON_LIMIT: usize = 1_000;

/// Why nothing is delivered any more, when the broker has not said.
const CANCELLED: &str = "the broker cancelled the subscription";

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disposition {
    /// Handled.
    Done,
    /// On the retry schedule.
    Retried,
    /// Behind a failing message of its subject.
    Waiting,
    /// Among the dead letters.
    Dead,
    /// Nothing: the process ends, the broker keeps it.
    Kept,
}

impl Disposition {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retried => "retried",
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Kept => "kept",
        }
    }
}

pub(super) struct Partition<H> {
    shared: Arc<Shared<H>>,
    queue: String,
    in_hand: InHand,
}

impl<H: Handler> Partition<H> {
    pub(super) fn new(shared: Arc<Shared<H>>, index: u16) -> Self {
        let queue = partition_queue(shared.subscription.name(), index);
        Self { shared, queue, in_hand: InHand::default() }
    }

    /// What it has fetched and not dealt with.
    pub(super) fn in_hand(&self) -> InHand {
        self.in_hand.clone()
    }

    /// Consumes until `shutdown` is cancelled, subscribing again when the channel is lost. What it subscribes to is
    /// declared again then: the broker may have come back without its data.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut delays = delays();
        loop {
            let began = Instant::now();
            let Err(error) = self.consume(&shutdown).await else { return };
            if began.elapsed() > HEALTHY_AFTER {
                delays = self::delays();
            }
            tracing::warn!(
                queue.name = self.queue,
                error = format!("{error:#}"),
                "A subscription ended and will be renewed."
            );
            tokio::select! {
                () = sleep(delays.next().unwrap_or_default()) => {}
                () = shutdown.cancelled() => return,
            }
            if let Err(error) = self.shared.declare().await {
                tracing::warn!(
                    queue.name = self.queue,
                    error = format!("{error:#}"),
                    "A queue could not be declared again."
                );
            }
        }
    }

    async fn consume(&self, shutdown: &CancellationToken) -> anyhow::Result<()> {
        let channel = Subscribed::on(self.shared.broker.channel().await?);
        let prefetch = self.shared.subscription.prefetch;
        answer(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let (queue, options) = (self.queue.as_str().into(), BasicConsumeOptions::default());
        let mut deliveries = answer(channel.basic_consume(queue, "".into(), options, FieldTable::default())).await?;
        // What an earlier subscription knew may be out of date: another process was active since.
        let mut active = Active { shared: &*self.shared, shutdown, queues: None, in_hand: &self.in_hand };
        let mut delay = BatchDelay::default();
        loop {
            let first = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                next = deliveries.next() => next.context(CANCELLED)??,
            };
            delay.wait().await;
            let (come, ended) = self.gather(first, &mut deliveries);
            let settled = active.settle_all(&come).await;
            self.in_hand.set(None);
            if !settled? {
                break;
            }
            if let Some(error) = ended {
                return Err(error);
            }
            delay.note(come.len());
        }
        // Gives back what was fetched ahead.
        answer(channel.close(200, "done".into())).await
    }

    /// Adds to a delivery those that have come meanwhile, as many as a batch holds. Tells also why no more will
    /// come, if so: the client says that once.
    fn gather(&self, first: Delivery, deliveries: &mut lapin::Consumer) -> (Vec<Delivery>, Option<anyhow::Error>) {
        let mut come = vec![first];
        while come.len() < self.shared.subscription.batch
            && let Some(next) = deliveries.next().now_or_never()
        {
            match next.context(CANCELLED).and_then(|next| Ok(next?)) {
                Ok(next) => come.push(next),
                Err(error) => return (come, Some(error)),
            }
        }
        (come, None)
    }
}

/// The state of a subscription while it is the active one.
struct Active<'a, H> {
    shared: &'a Shared<H>,
    shutdown: &'a CancellationToken,
    queues: Option<SubjectQueues>,
    in_hand: &'a InHand,
}

impl<H: Handler> Active<'_, H> {
    /// Deals with deliveries, as one batch or one by one, and acknowledges them; `false` when the process ends before it
    /// is through.
    async fn settle_all(&mut self, come: &[Delivery]) -> anyhow::Result<bool> {
        let mut read: Vec<_> = come.iter().map(|delivery| self.read(delivery)).collect();
        self.in_hand.set(read.iter().flatten().map(|message| message.time).min());
        if let [.., last] = come
            && come.len() > 1
            && read.iter().all(Result::is_ok)
        {
            let messages: Vec<Message> = read.into_iter().flatten().collect();
            if self.several(&messages).await {
                answer(last.ack(BasicAckOptions { multiple: true })).await?;
                return Ok(true);
            }
            read = messages.into_iter().map(Ok).collect();
        }
        for (delivery, message) in come.iter().zip(read) {
            if self.process(delivery, message).await == Disposition::Kept {
                return Ok(false);
            }
            answer(delivery.ack(BasicAckOptions::default())).await?;
        }
        Ok(true)
    }

    /// Handles messages as one batch; `false` when that does not go, and nothing was done.
    async fn several(&mut self, messages: &[Message]) -> bool {
        let began = Instant::now();
        for message in messages {
            let is_first = message.attempt == 0 && !message.redelivered;
            if !is_first || !matches!(self.turn(message).await, Ok(Turn::Free)) {
                return false;
            }
        }
        match tries::once(&self.shared.handler, messages, &self.shared.subscription).await {
            Ok(()) => {
                messages.iter().for_each(|message| self.report(message, Disposition::Done, began));
                true
            }
            Err(HandleError::Transient(error) | HandleError::Permanent(error)) => {
                let error = format!("{error:#}");
                tracing::info!(error, count = messages.len(), "A batch failed; its messages are handled one by one.");
                false
            }
        }
    }

    async fn process(&mut self, delivery: &Delivery, message: Result<Message, String>) -> Disposition {
        let began = Instant::now();
        let message = match message {
            Ok(message) => message,
            Err(error) => return self.dead_letter_foreign(delivery, &error).await,
        };
        let outcome = self.settle(&message, delivery).instrument(message.span().clone()).await;
        self.report(&message, outcome, began);
        outcome
    }

    /// Reads a delivery, and makes its span, which continues the trace that it belongs to.
    fn read(&self, delivery: &Delivery) -> Result<Message, String> {
        let envelope = wire::envelope(&delivery.properties, &delivery.data).map_err(|error| error.to_string())?;
        let message = Message::new(envelope, wire::attempt(&delivery.properties), delivery.redelivered);
        let name = self.shared.subscription.name();
        let span = tracing::info_span!("message", otel.kind = "consumer", consumer.name = name, message.id = %message.id, message.type = message.kind);
        if let Some(traceparent) = &message.traceparent {
            telemetry::continue_trace(&span, traceparent);
        }
        Ok(message.within(span))
    }

    /// Counts a message that was dealt with, and writes its line into the log.
    fn report(&self, message: &Message, outcome: Disposition, began: Instant) {
        let (name, span) = (self.shared.subscription.name(), message.span());
        let took = began.elapsed().as_secs_f64();
        let age = (Utc::now() - message.time).as_seconds_f64();
        ::metrics::counter!(metrics::HANDLED, "consumer" => name.to_owned(), "outcome" => outcome.as_str())
            .increment(1);
        ::metrics::histogram!(metrics::HANDLING, "consumer" => name.to_owned()).record(took);
        if outcome == Disposition::Done {
            ::metrics::histogram!(metrics::AGE, "consumer" => name.to_owned()).record(age);
        }
        span.in_scope(|| {
            tracing::info!(
                trace_id = telemetry::trace_id(span),
                message.subject = message.subject,
                message.version = message.version,
                message.attempt = message.attempt,
                message.redelivered = message.redelivered,
                message.age_s = age,
                correlation.id = message.correlation_id,
                outcome = outcome.as_str(),
                took_s = took,
                "A message was dealt with."
            );
        });
    }

    /// Brings a message to where it belongs. Only a confirmed move ends it: while the store or the
    /// broker is away the partition waits, because climbing the schedule would not bring them back.
    async fn settle(&mut self, message: &Message, delivery: &Delivery) -> Disposition {
        let mut delays = delays();
        loop {
            let error = match self.step(message, delivery).await {
                Ok(outcome) => return outcome,
                Err(error) => error,
            };
            tracing::warn!(message.id = %message.id, error = format!("{error:#}"), "A message could not be moved on; the partition waits.");
            tokio::select! {
                () = sleep(delays.next().unwrap_or_default()) => {}
                () = self.shutdown.cancelled() => return Disposition::Kept,
            }
        }
    }

    async fn step(&mut self, message: &Message, delivery: &Delivery) -> anyhow::Result<Disposition> {
        let turn = self.turn(message).await?;
        let subscription = &self.shared.subscription;
        if let Turn::Behind { level } = turn
            && let Some(delay) = subscription.schedule.get(level)
        {
            self.delay(message, Frame::forward(delivery), level, *delay).await?;
            return Ok(Disposition::Waiting);
        }
        let tried = tries::attempt(&self.shared.handler, message, subscription, self.shutdown).await;
        let (reason, level) = match tried {
            Ok(()) => {
                // One that came again may stand in line without this process knowing, put there by one that ended.
                if turn == Turn::First || message.attempt > 0 || message.redelivered {
                    self.leave(message).await?;
                }
                return Ok(Disposition::Done);
            }
            Err(HandleError::Transient(_)) if self.shutdown.is_cancelled() => return Ok(Disposition::Kept),
            Err(HandleError::Transient(error)) => (format!("{error:#}"), message.attempt as usize),
            Err(HandleError::Permanent(error)) => (format!("{error:#}"), usize::MAX),
        };
        if let Some(delay) = subscription.schedule.get(level) {
            tracing::warn!(message.id = %message.id, error = reason, delay_s = delay.as_secs_f64(), "A message failed and will be tried again.");
            let next = (message.attempt + 1).to_string();
            self.delay(message, Frame::forward(delivery).with(wire::ATTEMPT, &next), level, *delay).await?;
            return Ok(Disposition::Retried);
        }
        tracing::error!(message.id = %message.id, error = reason, "A message failed for good and is a dead letter.");
        // In line first: while the store is away, nothing is known to fail for good.
        self.enqueue(message, 0).await?;
        self.dead_letter(delivery, &reason).await?;
        self.leave(message).await?;
        Ok(Disposition::Dead)
    }

    /// Says whether it is the message's turn, after giving up a first in line that got lost.
    async fn turn(&mut self, message: &Message) -> anyhow::Result<Turn> {
        let (name, state) = (self.shared.subscription.name(), &self.shared.state);
        if self.queues.is_none() {
            self.queues = Some(SubjectQueues::load(state.waiting(name).await?));
        }
        let queues = self.queues.get_or_insert_default();
        let longest = self.shared.subscription.schedule.iter().max().copied().unwrap_or_default();
        let limit = longest * 2 + Duration::from_secs(60);
        while let Some(lost) = queues.lost(&message.subject, limit).filter(|lost| *lost != message.id) {
            tracing::error!(message.id = %lost, message.subject = message.subject, "A message that others wait for did not come back; they go on.");
            state.remove(name, lost).await?;
            queues.remove(&message.subject, lost);
        }
        Ok(queues.turn(&message.subject, message.id))
    }

    /// Puts a message in line, then into a delay queue: in this order, so that none of its subject can overtake it.
    async fn delay(&mut self, message: &Message, frame: Frame, level: usize, delay: Duration) -> anyhow::Result<()> {
        self.enqueue(message, level).await?;
        let name = self.shared.subscription.name();
        Ok(self.shared.publisher.send(direct(name), delay_queue(name, delay), frame).await?)
    }

    /// Puts a message in line, which only a store that is there can note.
    async fn enqueue(&mut self, message: &Message, level: usize) -> anyhow::Result<()> {
        let name = self.shared.subscription.name();
        let queues = self.queues.get_or_insert_default();
        let subject = message.subject.clone();
        let position = queues.position(&subject, message.id);
        let waiting = Waiting { subject, id: message.id, position };
        self.shared.state.put(name, &waiting).await?;
        queues.put(&message.subject, message.id, level);
        Ok(())
    }

    /// Takes a message that is dealt with out of its line.
    async fn leave(&mut self, message: &Message) -> anyhow::Result<()> {
        self.shared.state.remove(self.shared.subscription.name(), message.id).await?;
        self.queues.get_or_insert_default().remove(&message.subject, message.id);
        Ok(())
    }

    async fn dead_letter(&self, delivery: &Delivery, reason: &str) -> anyhow::Result<()> {
        let name = self.shared.subscription.name();
        let reason: String = reason.chars().take(REASON_LIMIT).collect();
        let frame = Frame::forward(delivery).with(wire::REASON, &reason).with(wire::DIED_AT, &Utc::now().to_rfc3339());
        Ok(self.shared.publisher.send(direct(name), dead_queue(name), frame).await?)
    }

    /// Makes a dead letter of what is not one of our events.
    async fn dead_letter_foreign(&self, delivery: &Delivery, reason: &str) -> Disposition {
        tracing::error!(
            consumer.name = self.shared.subscription.name(),
            error = reason,
            "A delivery is not an event and is a dead letter."
        );
        let mut delays = delays();
        while let Err(error) = self.dead_letter(delivery, reason).await {
            tracing::warn!(error = format!("{error:#}"), "A dead letter could not be moved; the partition waits.");
            tokio::select! {
                () = sleep(delays.next().unwrap_or_default()) => {}
                () = self.shutdown.cancelled() => return Disposition::Kept,
            }
        }
        Disposition::Dead
    }
}
