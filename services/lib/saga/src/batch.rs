//! Transitions of several sagas, within one transaction: what the machine says is carried out and stored.

use crate::error::{Error, StepFailure};
use crate::machine::Input;
use crate::step::Batch;
use crate::store::{self, Change};
use crate::transition::{Moved, Task, Transition};
use chassis::failpoint;
use postgres::Tx;

/// Carries transitions out: runs the local steps that come now, stores where the sagas stand, and sends their commands.
/// What happened to each is told once that is committed. After a failure the transaction cannot go on.
pub(crate) async fn carry_out(tx: &mut Tx, mut batch: Vec<Transition>) -> Result<(), Error> {
    while let Some(task) = batch.iter().find_map(Transition::task) {
        run(tx, task, batch.iter_mut().filter(|transition| transition.task() == Some(task)).collect()).await?;
        failpoint!("saga.step.after_local");
    }
    let (mut changes, mut messages) = (Vec::new(), Vec::new());
    for transition in batch {
        let Moved { change, message, scope, log } = transition.end().await?;
        changes.push(change);
        messages.extend(message);
        tx.on_commit(move || scope.enter(|| log.tell()));
    }
    store::save(tx, &changes).await?;
    if changes.iter().any(Change::is_new) {
        failpoint!("saga.start.after_row");
    } else {
        failpoint!("saga.step.after_row");
    }
    tx.enqueue_all(messages);
    failpoint!("saga.step.after_outbox");
    Ok(())
}

/// Runs one local step for all sagas that have come to it.
async fn run(tx: &mut Tx, task: Task, mut batch: Vec<&mut Transition>) -> Result<(), Error> {
    if let [transition] = &mut *batch
        && let Some(StepFailure { error, .. }) = transition.failed()
    {
        return Ok(transition.go_on(Input::Failed { error: format!("{error:#}") })?);
    }
    let flow = batch[0].flow();
    let Task { step, direction, .. } = task;
    let sagas = batch.iter_mut().map(|transition| transition.member()).collect();
    let ran = flow.run(step, direction, Batch { tx, sagas }).await;
    let name = flow.shape().stages[step].name;
    let verdicts = ran.map_err(|error| Error::StepFailed(StepFailure { step, direction, name, error }))?;
    for (transition, verdict) in batch.into_iter().zip(verdicts) {
        transition.go_on(Input::Ran(verdict.into()))?;
    }
    Ok(())
}
