//! What a saga is declared with.

use crate::machine::{Cause, Place, Reply, Stage};
use anyhow::Context as _;
use chassis::Scope;
use contracts::command::{Command, StepRef};
use futures::future::BoxFuture;
use messaging::Outgoing;
use postgres::Tx;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long a reply may take unless the step says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How many attempts are made before the pivot unless the step says otherwise.
const TRIES: u32 = 3;

/// A kind of saga.
///
/// Sagas under way are found again by their steps' names: a step may be added behind those that
/// sagas wait for, and none be renamed or removed while a saga waits for it.
pub trait Definition: Send + Sync + 'static {
    /// The kind's name, for example `checkout`.
    const KIND: &'static str;
    /// What a saga of this kind knows. It is stored for as long as the saga is: no personal data, but what a local
    /// step forgets in time.
    type Data: Serialize + DeserializeOwned + Send + Sync;

    /// The steps, in the order in which they are done.
    fn steps(&self) -> Vec<Step<Self::Data>>;

    /// How long a saga may take to its end or its pivot before it turns back.
    fn deadline(&self) -> Duration;
}

/// How a local step went, when it did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// It is not done and never will be: the saga turns back. Nothing is rolled back, so a step that
    /// refuses has written nothing that says otherwise.
    Refused {
        /// Why, for a program.
        code: String,
        /// Why, for a person.
        message: String,
    },
}

impl Verdict {
    /// Refuses, for a reason.
    pub fn refused(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Refused { code: code.into(), message: message.into() }
    }
}

impl From<Verdict> for Reply {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Done => Self::Done,
            Verdict::Refused { code, message } => Self::Refused { code, message },
        }
    }
}

/// What a local step works with. All it writes goes through `tx`, the transaction of the transition.
pub struct Local<'a, D> {
    /// The transaction.
    pub tx: &'a mut Tx,
    /// The saga.
    pub saga_id: Uuid,
    /// What the saga is about.
    pub subject: &'a str,
    /// What the saga knows; changes are stored.
    pub data: &'a mut D,
    /// Why the saga turned back; nothing on the way forward.
    pub cause: Option<&'a Cause>,
}

/// Several sagas that have come to the same local step, which is done for all of them at once.
pub struct Batch<'a, D> {
    /// The transaction.
    pub tx: &'a mut Tx,
    /// The sagas.
    pub sagas: Vec<Member<'a, D>>,
}

/// A saga among several.
pub struct Member<'a, D> {
    /// The saga.
    pub saga_id: Uuid,
    /// What the saga is about.
    pub subject: &'a str,
    /// What the saga knows; changes are stored.
    pub data: &'a mut D,
    /// Why the saga turned back; nothing on the way forward.
    pub cause: Option<&'a Cause>,
    /// On whose behalf it has come here: what is done for this one alone is to run in it.
    pub scope: &'a Scope,
}

/// Writes the command of a step.
pub(crate) type Tell<D> = Box<dyn Fn(StepRef, &D) -> serde_json::Result<Outgoing> + Send + Sync>;
/// Takes what the answer to a command says.
pub(crate) type Learn<D> = Box<dyn Fn(&mut D, Value) -> anyhow::Result<()> + Send + Sync>;
/// Runs a local step.
pub(crate) type Act<D> = Box<dyn for<'a> Fn(Batch<'a, D>) -> BoxFuture<'a, anyhow::Result<Vec<Verdict>>> + Send + Sync>;

/// How a step, or its compensation, is carried out.
pub(crate) enum StepAction<D> {
    /// By whoever starts the saga.
    Begun,
    /// By a participant.
    Remote(Tell<D>),
    /// Here.
    Local(Act<D>),
}

impl<D> StepAction<D> {
    fn place(&self) -> Place {
        match self {
            Self::Begun => Place::Begun,
            Self::Remote(_) => Place::Remote,
            Self::Local(_) => Place::Local,
        }
    }
}

/// One step of a saga whose data is `D`.
pub struct Step<D> {
    pub(crate) name: &'static str,
    pub(crate) forward: StepAction<D>,
    pub(crate) backward: Option<StepAction<D>>,
    pub(crate) learn: Option<Learn<D>>,
    pub(crate) pivot: bool,
    timeout: Duration,
    tries: u32,
}

impl<D: Send + 'static> Step<D> {
    fn new(name: &'static str, forward: StepAction<D>) -> Self {
        Self { name, forward, backward: None, learn: None, pivot: false, timeout: TIMEOUT, tries: TRIES }
    }

    /// A step that is done in the transaction that starts the saga, by whoever starts it. Only its
    /// compensation matters; such steps stand first.
    #[must_use]
    pub fn begun(name: &'static str) -> Self {
        Self::new(name, StepAction::Begun)
    }

    /// A step that a participant does when it gets `command`. Participants are idempotent by saga and
    /// step, and may get the same command again.
    #[must_use]
    pub fn remote<C: Command>(name: &'static str, command: impl Fn(StepRef, &D) -> C + Send + Sync + 'static) -> Self {
        Self::new(name, StepAction::Remote(tell(command)))
    }

    /// A step that is done here, in the transaction of the transition that comes to it. When it
    /// fails, all of that is rolled back, and it is tried again.
    #[must_use]
    pub fn local<F>(name: &'static str, action: F) -> Self
    where
        F: for<'a> Fn(Local<'a, D>) -> BoxFuture<'a, anyhow::Result<Verdict>> + Send + Sync + 'static,
    {
        Self::new(name, StepAction::Local(one_by_one(action)))
    }

    /// A step like a [`local`](Self::local) one that is done for all sagas that have come to it together: worth it where
    /// one statement for all costs less than one for each. It says how it went for each, in order; when it fails, it is
    /// done for each alone.
    #[must_use]
    pub fn local_batched<F>(name: &'static str, action: F) -> Self
    where
        F: for<'a> Fn(Batch<'a, D>) -> BoxFuture<'a, anyhow::Result<Vec<Verdict>>> + Send + Sync + 'static,
    {
        Self::new(name, StepAction::Local(Box::new(action)))
    }

    /// Says what the saga learns from the answer to the command.
    #[must_use]
    pub fn answered<A: DeserializeOwned>(mut self, learn: impl Fn(&mut D, A) + Send + Sync + 'static) -> Self {
        self.learn = Some(Box::new(move |data, answer| {
            learn(data, serde_json::from_value(answer).context("the answer is not the one that the step expects")?);
            Ok(())
        }));
        self
    }

    /// Says which command undoes the step. It may come although the step's own never arrived.
    #[must_use]
    pub fn undone_by<C: Command>(mut self, command: impl Fn(StepRef, &D) -> C + Send + Sync + 'static) -> Self {
        self.backward = Some(StepAction::Remote(tell(command)));
        self
    }

    /// Says what undoes the step here, in the transaction of the transition that comes to it.
    #[must_use]
    pub fn undone_by_local<F>(mut self, compensation: F) -> Self
    where
        F: for<'a> Fn(Local<'a, D>) -> BoxFuture<'a, anyhow::Result<()>> + Send + Sync + 'static,
    {
        self.backward = Some(StepAction::Local(one_by_one(move |local| {
            let undone = compensation(local);
            Box::pin(async move { undone.await.map(|()| Verdict::Done) })
        })));
        self
    }

    /// Sets how long a reply may take before the next attempt: 30 s unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets after how many attempts the step is given up, before the pivot: 3 unless set.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// Makes the step the pivot: once its command is out, the saga turns back only if it is refused,
    /// and behind it never. Neither it nor the steps behind it can be undone.
    #[must_use]
    pub fn pivot(mut self) -> Self {
        self.pivot = true;
        self
    }

    pub(crate) fn stage(&self) -> Stage {
        Stage {
            name: self.name,
            place: self.forward.place(),
            undo: self.backward.as_ref().map(StepAction::place),
            timeout: self.timeout,
            tries: self.tries,
        }
    }
}

fn tell<D, C: Command>(command: impl Fn(StepRef, &D) -> C + Send + Sync + 'static) -> Tell<D> {
    Box::new(move |at, data| Outgoing::command(command(at, data)))
}

/// Does for one saga after the other what is done for one.
fn one_by_one<D, F>(action: F) -> Act<D>
where
    D: Send + 'static,
    F: for<'a> Fn(Local<'a, D>) -> BoxFuture<'a, anyhow::Result<Verdict>> + Send + Sync + 'static,
{
    let action = Arc::new(action);
    Box::new(move |Batch { tx, sagas }| {
        let action = Arc::clone(&action);
        Box::pin(async move {
            let mut verdicts = Vec::with_capacity(sagas.len());
            for Member { saga_id, subject, data, cause, scope } in sagas {
                let local = Local { tx: &mut *tx, saga_id, subject, data, cause };
                verdicts.push(scope.run(action(local)).await?);
            }
            Ok(verdicts)
        })
    })
}
