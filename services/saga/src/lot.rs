//! Transitions of several sagas, within one transaction: what the machine says is carried out and stored.

use crate::{
    error::{Error, Stumble},
    machine::Input,
    step::Lot,
    store::{self, Change},
    story::Story,
    transition::{Moved, Task, Transition},
};
use chassis::{failpoint, messaging::outbox};
use sqlx::PgConnection;

/// Carries transitions out: runs the local steps that come now, stores where the sagas stand, and sends their commands.
/// Gives what is to be told of each once that is committed.
///
/// # Errors
/// When one of them cannot be carried out: then the transaction cannot go on.
pub(crate) async fn carry_out(connection: &mut PgConnection, mut lot: Vec<Transition>) -> Result<Vec<Story>, Error> {
    while let Some(task) = lot.iter().find_map(Transition::task) {
        run(connection, task, lot.iter_mut().filter(|transition| transition.task() == Some(task)).collect()).await?;
        failpoint!("saga.step.after_local");
    }
    let (mut changes, mut messages, mut stories) = (Vec::new(), Vec::new(), Vec::new());
    for transition in lot {
        let Moved { change, message, story } = transition.end().await?;
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

/// Runs one local step for all sagas that have come to it.
async fn run(connection: &mut PgConnection, task: Task, mut lot: Vec<&mut Transition>) -> Result<(), Error> {
    if let [transition] = &mut *lot
        && let Some(Stumble { error, .. }) = transition.stumbled()
    {
        return Ok(transition.go_on(Input::Failed { error: format!("{error:#}") })?);
    }
    let flow = lot[0].flow();
    let Task { step, direction, .. } = task;
    let sagas = lot.iter_mut().map(|transition| transition.member()).collect();
    let ran = flow.run(step, direction, Lot { connection, sagas }).await;
    let name = flow.shape().stages[step].name;
    let verdicts = ran.map_err(|error| Error::Stumbled(Stumble { step, direction, name, error }))?;
    for (transition, verdict) in lot.into_iter().zip(verdicts) {
        transition.go_on(Input::Ran(verdict.into()))?;
    }
    Ok(())
}
