//! One transition, within one transaction: what the machine says is carried out and stored.

use crate::{
    engine::Engine,
    error::{Error, Stumble},
    flow::{Errand, Flow},
    machine::{self, Input, Move, Next, Refusal, Reply, State, Wait},
    step::Verdict,
    store::{self, Change, Lock, Record},
    story::Story,
};
use chassis::{
    failpoint,
    messaging::{Message, Outgoing, outbox},
};
use chrono::{DateTime, Utc};
use contracts::command::{Direction, Outcome, Replied, StepRef};
use serde_json::Value;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use uuid::Uuid;

/// How many local steps of one transition may fail, one after the other, before it is given up for now.
const STUMBLES: usize = 4;

/// What moves a saga, as it comes from outside.
#[derive(Debug, Clone)]
pub(crate) enum Impulse {
    /// A participant replied.
    Reply(Replied),
    /// Anything else.
    Input(Input),
}

impl From<Input> for Impulse {
    fn from(input: Input) -> Self {
        Self::Input(input)
    }
}

/// A transition under way.
pub(crate) struct Transition<'a> {
    engine: &'a Engine,
    flow: &'a dyn Flow,
    record: Record,
    now: DateTime<Utc>,
    /// The local step that failed when this was tried before: it is not run again now.
    stumble: Option<Stumble>,
}

/// A saga that was moved, and what is to be stored, sent and told of it.
pub(crate) struct Moved {
    change: Change,
    message: Option<Outgoing>,
    story: Story,
}

impl Moved {
    /// Stores sagas that are not stored yet, or where others stand now, and sends their commands. Gives what is to be
    /// told once that is committed.
    pub(crate) async fn store(connection: &mut PgConnection, moved: Vec<Self>) -> Result<Vec<Story>, Error> {
        let (mut changes, mut messages, mut stories) = (Vec::new(), Vec::new(), Vec::new());
        for Self { change, message, story } in moved {
            changes.push(change);
            messages.extend(message);
            stories.push(story);
        }
        store::save(connection, &changes).await?;
        if changes.iter().any(Change::is_new) {
            failpoint!("saga.start.after_row");
        } else {
            failpoint!("saga.step.after_row");
        }
        outbox::postgres::enqueue_all(connection, messages).await?;
        failpoint!("saga.step.after_outbox");
        Ok(stories)
    }
}

impl<'a> Transition<'a> {
    pub(crate) fn new(engine: &'a Engine, flow: &'a dyn Flow, record: Record, now: DateTime<Utc>) -> Self {
        Self { engine, flow, record, now, stumble: None }
    }

    /// Goes on with a saga that is not stored yet.
    pub(crate) async fn start(self, connection: &mut PgConnection, step: Move) -> Result<Moved, Error> {
        self.go_on(connection, None, step).await
    }

    /// Moves a saga on by `impulse`.
    pub(crate) async fn advance(mut self, connection: &mut PgConnection, impulse: &Impulse) -> Result<Moved, Error> {
        let state = self.record.state(self.flow.shape())?;
        let waited = state.wait;
        let step = self.first_move(state, impulse)?;
        self.go_on(connection, waited, step).await
    }

    async fn go_on(mut self, connection: &mut PgConnection, waited: Option<Wait>, step: Move) -> Result<Moved, Error> {
        let (step, message) = self.carry_out(connection, step).await?;
        let story = Story::new(&self.record, waited, &step, self.now);
        self.record.put(step.state, self.flow.shape(), self.now);
        Ok(Moved { change: Change::new(&self.record, &step.notes, self.flow.shape()), message, story })
    }

    fn first_move(&mut self, state: State, impulse: &Impulse) -> Result<Move, Error> {
        let shape = self.flow.shape();
        let replied = match impulse {
            Impulse::Input(input) => return Ok(machine::advance(shape, state, input.clone(), self.now)?),
            Impulse::Reply(replied) => replied,
        };
        let StepRef { step, direction, attempt, .. } = &replied.step;
        let known = shape.stages.iter().position(|stage| stage.name == step);
        let step = known.ok_or(Refusal::Absorbed)?;
        let (reply, answer) = match &replied.outcome {
            Outcome::Done { answer } => (Reply::Done, answer.clone()),
            Outcome::Refused { code, message } => {
                (Reply::Refused { code: code.clone(), message: message.clone() }, Value::Null)
            }
        };
        let learns = reply == Reply::Done && *direction == Direction::Forward;
        let input = Input::Replied { step, direction: *direction, attempt: *attempt, reply };
        let step_taken = machine::advance(shape, state, input, self.now)?;
        if learns {
            self.flow.learn(step, &mut self.record.data, answer).map_err(Error::Answer)?;
        }
        Ok(step_taken)
    }

    /// Runs the local steps that come now; says where the saga stands then, and what it sends.
    async fn carry_out(
        &mut self,
        connection: &mut PgConnection,
        mut step: Move,
    ) -> Result<(Move, Option<Outgoing>), Error> {
        loop {
            let Some(wait) = step.state.wait else { return Ok((step, None)) };
            match step.next {
                Next::Rest => return Ok((step, None)),
                Next::Send => {
                    let message = self.flow.command(wait.step, self.reference(&wait), &self.record.data)?;
                    return Ok((step, Some(message.with_origin())));
                }
                Next::Run => {
                    let input = self.run(connection, &wait, &step.state).await?;
                    failpoint!("saga.step.after_local");
                    let then = machine::advance(self.flow.shape(), step.state, input, self.now)?;
                    let notes = step.notes.into_iter().chain(then.notes).collect();
                    step = Move { notes, ..then };
                }
            }
        }
    }

    async fn run(&mut self, connection: &mut PgConnection, wait: &Wait, state: &State) -> Result<Input, Error> {
        let stumbled = self.stumble.take_if(|stumble| (stumble.step, stumble.direction) == (wait.step, wait.direction));
        if let Some(Stumble { error, .. }) = stumbled {
            return Ok(Input::Failed { error: format!("{error:#}") });
        }
        let Record { id, subject, data, .. } = &mut self.record;
        let errand = Errand { connection, saga_id: *id, subject, data, cause: state.cause.as_ref() };
        let name = self.flow.shape().stages[wait.step].name;
        let (step, direction) = (wait.step, wait.direction);
        let ran = self.flow.run(step, direction, errand).await;
        let verdict = ran.map_err(|error| Error::Stumbled(Stumble { step, direction, name, error }))?;
        Ok(Input::Ran(match verdict {
            Verdict::Done => Reply::Done,
            Verdict::Refused { code, message } => Reply::Refused { code, message },
        }))
    }

    fn reference(&self, wait: &Wait) -> StepRef {
        StepRef {
            saga_id: self.record.id,
            step: self.flow.shape().stages[wait.step].name.to_owned(),
            direction: wait.direction,
            attempt: wait.attempt,
            reply_to: self.engine.reply_to(),
        }
    }
}

impl Engine {
    /// Moves a saga on in a transaction of its own. A local step that fails is rolled back, with all
    /// else; then the transition is made without it, and the saga waits to try it again.
    pub(crate) async fn transact(&self, id: Uuid, impulse: &Impulse, lock: Lock) -> Result<(), Error> {
        let mut stumble = None;
        for _ in 0..STUMBLES {
            match self.attempt(id, impulse, lock, stumble.take()).await {
                Ok(story) => {
                    story.tell();
                    return Ok(());
                }
                Err(Error::Stumbled(at)) if !at.is_passing() => {
                    tracing::warn!(saga.id = %id, saga.step = at.name, error = format!("{:#}", at.error), "A local step of a saga failed and was rolled back.");
                    stumble = Some(at);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Internal(anyhow::anyhow!("the local steps of the saga fail in turn")))
    }

    async fn attempt(&self, id: Uuid, impulse: &Impulse, lock: Lock, stumble: Option<Stumble>) -> Result<Story, Error> {
        let mut transaction = chassis::postgres::begin(&self.pool).await?;
        let record = store::lock(&mut transaction, id, lock).await?.ok_or(Error::NotFound)?;
        let flow = self.flow(&record.kind)?;
        let transition = Transition { stumble, ..Transition::new(self, flow, record, Utc::now()) };
        let moved = match transition.advance(&mut transaction, impulse).await {
            Ok(moved) => moved,
            Err(error) => {
                // Before anybody looks again: who passes over locked sagas must find this one free.
                let _ = transaction.rollback().await;
                return Err(error);
            }
        };
        let story = Moved::store(&mut transaction, vec![moved]).await?.swap_remove(0);
        outbox::postgres::commit(transaction).await?;
        failpoint!("saga.step.after_commit");
        Ok(story)
    }

    /// Moves sagas on by replies, in one transaction; nothing when two are for the same saga, which has to take one
    /// after the other. Tells how many replies no saga waited for.
    ///
    /// # Errors
    /// When one of them cannot be moved, none is.
    pub(crate) async fn transact_together(&self, replies: Vec<(&Message, Replied)>) -> Result<Option<u64>, Error> {
        let ids: BTreeSet<Uuid> = replies.iter().map(|(_, replied)| replied.step.saga_id).collect();
        if ids.len() < replies.len() {
            return Ok(None);
        }
        let mut transaction = chassis::postgres::begin(&self.pool).await?;
        let mut records = store::lock_all(&mut transaction, &ids).await?;
        let (mut told, mut moved, mut absorbed) = (Vec::new(), Vec::new(), 0);
        for (message, replied) in replies {
            let place = records.iter().position(|record| record.id == replied.step.saga_id);
            let Some(record) = place.map(|place| records.swap_remove(place)) else {
                absorbed += 1;
                continue;
            };
            let transition = Transition::new(self, self.flow(&record.kind)?, record, Utc::now());
            match message.scope(transition.advance(&mut transaction, &Impulse::Reply(replied))).await {
                Ok(saga) => {
                    told.push(message);
                    moved.push(saga);
                }
                Err(Error::Refused(Refusal::Absorbed)) => absorbed += 1,
                Err(error) => return Err(error),
            }
        }
        let stories = Moved::store(&mut transaction, moved).await?;
        outbox::postgres::commit(transaction).await?;
        failpoint!("saga.step.after_commit");
        for (message, story) in told.into_iter().zip(stories) {
            message.scope(async { story.tell() }).await;
        }
        Ok(Some(absorbed))
    }
}
