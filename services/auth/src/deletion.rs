//! The saga that deletes an account: links, statistics, customer, account.
//!
//! Everything before the customer is erased can be undone, and is when orders refuses because an order is under way.
//! From then on it only goes forward.

use crate::store::{deletions, users};
use chassis::failpoint;
use chrono::Utc;
use contracts::command::accounts::{AttachStatistics, DetachStatistics, DisableLinks, EnableLinks, EraseCustomer};
use contracts::envelope::Event;
use contracts::event::auth::UserDeleted;
use saga::{Definition, Local, Step, Verdict};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// How long a service may take to answer before it is told again.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is told before the deletion is given up, and undone: a service may be away for a working day.
const TRIES: u32 = 480;
/// How long the whole may take until the customer is erased. Deleting an account is not urgent, but it must end.
const DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// An account, as events count its versions: registered is the first, deleted the second.
const DELETED_VERSION: u64 = 2;

/// The declaration of the saga.
pub struct AccountDeletion;

/// What the saga knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Data {
    /// Whose account it is.
    pub user_id: Uuid,
}

impl Definition for AccountDeletion {
    const KIND: &'static str = "account_deletion";
    type Data = Data;

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    fn steps(&self) -> Vec<Step<Data>> {
        vec![
            Step::begun("request").undone_by_local(|local| Box::pin(refuse(local))),
            Step::remote("disable_links", |step, data: &Data| DisableLinks { step, auth_user_id: data.user_id })
                .undone_by(|step, data| EnableLinks { step, auth_user_id: data.user_id })
                .timeout(PATIENCE)
                .tries(TRIES),
            Step::remote("detach_statistics", |step, data: &Data| DetachStatistics {
                step,
                auth_user_id: data.user_id,
            })
            .undone_by(|step, data| AttachStatistics { step, auth_user_id: data.user_id })
            .timeout(PATIENCE)
            .tries(TRIES),
            Step::remote("erase_customer", |step, data: &Data| EraseCustomer { step, auth_user_id: data.user_id })
                .timeout(PATIENCE)
                .tries(TRIES)
                .pivot(),
            Step::local("close_account", |local| Box::pin(close(local))),
        ]
    }
}

async fn refuse(local: Local<'_, Data>) -> anyhow::Result<()> {
    let reason = local.cause.map_or("failed", |cause| cause.code.as_str());
    deletions::refuse(local.tx, local.saga_id, reason).await?;
    local.tx.on_commit(|| metrics::counter!(crate::metrics::DELETIONS, "outcome" => "refused").increment(1));
    Ok(())
}

async fn close(local: Local<'_, Data>) -> anyhow::Result<Verdict> {
    let user_id = local.data.user_id;
    if users::delete(local.tx, user_id).await? {
        failpoint!("auth.close_account.after_account");
        let deleted = UserDeleted { user_id, deleted_at: Utc::now() };
        let event = Event::new(user_id.to_string(), DELETED_VERSION, deleted);
        local.tx.enqueue(event)?;
        local.tx.on_commit(|| metrics::counter!(crate::metrics::DELETIONS, "outcome" => "deleted").increment(1));
    }
    Ok(Verdict::Done)
}
