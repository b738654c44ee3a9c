//! The engine as its service uses it.

use crate::batch::carry_out;
use crate::error::Error;
use crate::flow::{Declared, Flow};
use crate::machine::{self, Input, Refusal};
use crate::step::Definition;
use crate::store::{self, Filter, Lock, Record};
use crate::transition::Transition;
use crate::unit::Unit;
use anyhow::{Context as _, ensure};
use chassis::telemetry;
use chrono::Utc;
use contracts::rest::sagas::SagaRecord;
use postgres::{Db, Tx};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How often the sweep looks for sagas whose time has come, unless set.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// Runs the sagas of one service. Cloning is cheap; any number of processes may run the same ones.
#[derive(Clone)]
pub struct Engine {
    pub(crate) db: Db,
    pub(crate) sweep_every: Duration,
    pub(crate) unit: Unit,
}

/// A saga that has begun and is not stored yet.
pub struct Begun(Transition);

/// A saga that is to be started.
#[derive(Debug, Clone)]
pub struct Start<D> {
    /// Identifies it: participants know it by this id.
    pub id: Uuid,
    /// What it is about, for example an order's id.
    pub subject: String,
    /// What it knows.
    pub data: D,
}

/// Who cancels a saga, and why.
#[derive(Debug, Clone)]
pub struct Cancel {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What cancelling came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The saga has turned back.
    Begun,
    /// It had turned back already, for a reason of its own or an earlier wish.
    UnderWay,
}

impl Engine {
    /// Makes an engine for the unit of this name, in its database. Replies come under
    /// the routing key `<unit>.saga.replied`.
    #[must_use]
    pub fn new(db: Db, unit: &str) -> Self {
        Self { db, sweep_every: SWEEP_EVERY, unit: Unit::new(unit) }
    }

    /// Adds a kind of saga.
    /// Fails when its steps contradict each other, or there is one of its name.
    pub fn with<D: Definition>(mut self, definition: D) -> anyhow::Result<Self> {
        ensure!(self.unit.flow(D::KIND).is_err(), "there are two sagas {}", D::KIND);
        let declared: Arc<dyn Flow> = Arc::new(Declared::new(definition)?);
        self.unit.declare(declared);
        Ok(self)
    }

    /// Sets how often the sweep looks for sagas whose time has come (500 ms).
    #[must_use]
    pub fn sweep_every(mut self, every: Duration) -> Self {
        self.sweep_every = every;
        self
    }

    /// Starts a saga, in the transaction `tx`: runs the local steps that come first, and
    /// enqueues the first command. Call it last: what it sends is about what stands by then.
    pub async fn start<D: Definition>(&self, tx: &mut Tx, start: Start<D::Data>) -> Result<(), Error> {
        let begun = self.begin::<D>(start)?;
        self.start_all(tx, vec![begun]).await
    }

    /// Begins a saga on behalf of the current request, to be started with others.
    pub fn begin<D: Definition>(&self, start: Start<D::Data>) -> Result<Begun, Error> {
        let (flow, now) = (self.unit.flow(D::KIND)?, Utc::now());
        let step = machine::start(flow.shape(), now, flow.deadline());
        let record = Record {
            id: start.id,
            kind: D::KIND.to_owned(),
            subject: start.subject,
            status: step.state.status,
            wait: None,
            command_id: None,
            due: None,
            deadline: step.state.deadline,
            settled: false,
            data: serde_json::to_value(start.data).context("the saga's data cannot be written as JSON")?,
            cause: None,
            traceparent: telemetry::traceparent(),
            version: 0,
            started_at: now,
            updated_at: now,
            ended_at: None,
        };
        Ok(Begun(Transition::first(&self.unit, flow, record, step)))
    }

    /// Starts sagas that were begun, like [`start`](Self::start) does one.
    pub async fn start_all(&self, tx: &mut Tx, begun: Vec<Begun>) -> Result<(), Error> {
        carry_out(tx, begun.into_iter().map(|Begun(first)| first).collect()).await
    }

    /// Turns a saga back, in the transaction `tx`: one under way from the step in flight,
    /// which counts as unknown; one that is completed and not closed from its last step. Call it
    /// before the transaction touches what local steps write to: the engine locks the saga first, too.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`Refusal::PastPivot`], [`Refusal::Closed`] or [`Refusal::Ended`] when it is too late.
    pub async fn cancel(&self, tx: &mut Tx, id: Uuid, cancel: Cancel) -> Result<Cancelled, Error> {
        let Cancel { by, reason } = cancel;
        match self.move_by(tx, id, Input::Cancel { by, reason }).await {
            Ok(()) => Ok(Cancelled::Begun),
            Err(Error::Refused(Refusal::UnderWay)) => Ok(Cancelled::UnderWay),
            Err(error) => Err(error),
        }
    }

    /// Makes a completed saga one that can no longer be cancelled, in the transaction `tx`; harmless when it was. Call
    /// it before the transaction touches what local steps write to.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`Refusal::NotCompleted`] when it is not completed (any more).
    pub async fn close(&self, tx: &mut Tx, id: Uuid) -> Result<(), Error> {
        match self.move_by(tx, id, Input::Close).await {
            Err(Error::Refused(Refusal::Closed)) => Ok(()),
            closed => closed,
        }
    }

    /// Reads a saga.
    pub async fn find(&self, id: Uuid) -> Result<Option<Record>, Error> {
        Ok(store::find(self.db.pool(), id).await?)
    }

    /// Reads sagas, the latest first.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Record>, Error> {
        Ok(store::list(self.db.pool(), filter).await?)
    }

    /// Reads everything that happened to a saga, in order.
    pub async fn history(&self, id: Uuid) -> Result<Vec<SagaRecord>, Error> {
        Ok(store::history(self.db.pool(), id).await?)
    }

    async fn move_by(&self, tx: &mut Tx, id: Uuid, input: Input) -> Result<(), Error> {
        self.advance(tx, (id, Lock::Wait), &input.into(), None).await
    }
}
