//! Table `commands`: what came of what sagas told us to do.

use contracts::command::{Outcome, StepRef};
use sqlx::PgConnection;
use sqlx::types::Json;

/// What came of this step's command, whichever attempt it was.
pub async fn outcome(connection: &mut PgConnection, step: &StepRef) -> sqlx::Result<Option<Outcome>> {
    let found: Option<Json<Outcome>> =
        sqlx::query_scalar("SELECT outcome FROM commands WHERE saga_id = $1 AND step = $2")
            .bind(step.saga_id)
            .bind(&step.step)
            .fetch_optional(connection)
            .await?;
    Ok(found.map(|Json(outcome)| outcome))
}

/// Notes what came of this step's command.
pub async fn note(connection: &mut PgConnection, step: &StepRef, outcome: &Outcome) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO commands (saga_id, step, outcome) VALUES ($1, $2, $3)")
        .bind(step.saga_id)
        .bind(&step.step)
        .bind(Json(outcome))
        .execute(connection)
        .await
        .map(drop)
}
