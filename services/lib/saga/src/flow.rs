//! A definition as the engine holds it: checked, and with its data's type erased.

use crate::machine::Shape;
use crate::step::{Batch, Definition, Member, Step, StepAction, Verdict};
use anyhow::{Context as _, bail, ensure};
use contracts::command::{Direction, StepRef};
use futures::future::BoxFuture;
use messaging::Outgoing;
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;

/// A kind of saga.
pub(crate) trait Flow: Send + Sync {
    fn kind(&self) -> &'static str;
    fn deadline(&self) -> Duration;
    fn shape(&self) -> &Shape;

    /// Writes the command of a step, or of its compensation.
    fn command(&self, step: usize, at: StepRef, data: &Value) -> anyhow::Result<Outgoing>;

    /// Takes what the answer of a step says.
    fn learn(&self, step: usize, data: &mut Value, answer: Value) -> anyhow::Result<()>;

    /// Runs a local step, or compensation, for several sagas; says how it went for each, in order.
    fn run<'a>(
        &'a self,
        step: usize,
        direction: Direction,
        batch: Batch<'a, Value>,
    ) -> BoxFuture<'a, anyhow::Result<Vec<Verdict>>>;
}

/// A definition with its steps.
pub(crate) struct Declared<D: Definition> {
    definition: D,
    steps: Vec<Step<D::Data>>,
    shape: Shape,
}

impl<D: Definition> Declared<D> {
    /// Reads a definition.
    pub(crate) fn new(definition: D) -> anyhow::Result<Self> {
        let steps = definition.steps();
        check(&steps).with_context(|| format!("the steps of saga {} contradict each other", D::KIND))?;
        let stages = steps.iter().map(Step::stage).collect();
        let pivot = steps.iter().position(|step| step.pivot);
        Ok(Self { definition, steps, shape: Shape { stages, pivot } })
    }

    fn deed(&self, step: usize, direction: Direction) -> anyhow::Result<&StepAction<D::Data>> {
        let found = self.steps.get(step).and_then(|step| match direction {
            Direction::Forward => Some(&step.forward),
            Direction::Backward => step.backward.as_ref(),
        });
        found.with_context(|| format!("there is nothing to do at step {step} {direction:?}"))
    }
}

fn check<D>(steps: &[Step<D>]) -> anyhow::Result<()> {
    let mut names = HashSet::new();
    let mut may_begin = true;
    let mut pivot = false;
    for step in steps {
        let name = step.name;
        ensure!(names.insert(name), "two steps are named {name}");
        ensure!(!(pivot && step.pivot), "{name} is a second pivot");
        pivot |= step.pivot;
        ensure!(!(pivot && step.backward.is_some()), "{name} stands at or behind the pivot and cannot be undone");
        let begun = matches!(step.forward, StepAction::Begun);
        ensure!(may_begin || !begun, "{name} is begun and stands behind one that is not");
        ensure!(!(begun && step.pivot), "{name} is begun and cannot be the pivot");
        let remote = matches!(step.forward, StepAction::Remote(_));
        ensure!(remote || step.learn.is_none(), "{name} has no reply to learn from");
        may_begin = begun;
    }
    Ok(())
}

impl<D: Definition> Flow for Declared<D> {
    fn kind(&self) -> &'static str {
        D::KIND
    }

    fn deadline(&self) -> Duration {
        self.definition.deadline()
    }

    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn command(&self, step: usize, at: StepRef, data: &Value) -> anyhow::Result<Outgoing> {
        let StepAction::Remote(tell) = self.deed(step, at.direction)? else { bail!("{} has no command", at.step) };
        Ok(tell(at, &read::<D>(data)?)?)
    }

    fn learn(&self, step: usize, data: &mut Value, answer: Value) -> anyhow::Result<()> {
        let Some(learn) = self.steps.get(step).and_then(|step| step.learn.as_ref()) else { return Ok(()) };
        let mut known = read::<D>(data)?;
        learn(&mut known, answer)?;
        *data = serde_json::to_value(known)?;
        Ok(())
    }

    fn run<'a>(
        &'a self,
        step: usize,
        direction: Direction,
        Batch { tx, sagas }: Batch<'a, Value>,
    ) -> BoxFuture<'a, anyhow::Result<Vec<Verdict>>> {
        Box::pin(async move {
            let StepAction::Local(act) = self.deed(step, direction)? else { bail!("step {step} does not happen here") };
            let mut known = sagas.iter().map(|saga| read::<D>(saga.data)).collect::<Result<Vec<_>, _>>()?;
            let typed = sagas.iter().zip(&mut known).map(|(saga, data)| {
                let Member { saga_id, subject, cause, scope, .. } = *saga;
                Member { saga_id, subject, data, cause, scope }
            });
            let verdicts = act(Batch { tx, sagas: typed.collect() }).await?;
            ensure!(verdicts.len() == sagas.len(), "step {step} told of {} sagas", verdicts.len());
            for (Member { data, .. }, known) in sagas.into_iter().zip(known) {
                *data = serde_json::to_value(known)?;
            }
            Ok(verdicts)
        })
    }
}

fn read<D: Definition>(data: &Value) -> anyhow::Result<D::Data> {
    use serde::Deserialize as _;
    D::Data::deserialize(data).with_context(|| format!("the data of a saga {} cannot be read", D::KIND))
}
