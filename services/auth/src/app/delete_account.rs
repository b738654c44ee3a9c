//! Deletes the caller's account, by a saga.

use super::Accounts;
use crate::deletion::{AccountDeletion, Data};
use crate::domain::Candidate;
use crate::error::Error;
use crate::store::{deletions, users};
use chassis::failpoint;
use chassis::jwt::Caller;
use contracts::rest::auth::{Deletion, DeletionStatus};
use saga::Start;
use uuid::Uuid;

impl Accounts {
    /// Begins to delete the account. Asking again while that is under way changes nothing.
    ///
    /// The account works until the end: when an order is under way, the deletion is refused and all is as it was. Fails
    /// with [`Error::InvalidCredentials`] when it is not the password; [`Error::CallerGone`] when there is no account.
    pub async fn delete_account(&self, caller: &Caller, password: Candidate) -> Result<(), Error> {
        let account = self.account_of(caller).await?;
        self.prove(caller, &account, password).await?;
        let (user_id, saga_id) = (caller.user_id, Uuid::now_v7());
        let mut tx = self.db.begin().await?;
        if !users::hold(&mut tx, user_id, account.password_version).await? {
            return Err(Error::InvalidCredentials);
        }
        if deletions::request(&mut tx, user_id, saga_id).await? {
            failpoint!("auth.delete_account.after_request");
            let start = Start { id: saga_id, subject: user_id.to_string(), data: Data { user_id } };
            self.sagas.start::<AccountDeletion>(&mut tx, start).await?;
        }
        tx.commit().await?;
        failpoint!("auth.delete_account.after_commit");
        Ok(())
    }

    /// How far the deletion of the caller's account is; nothing when none was asked for. Fails with
    /// [`Error::CallerGone`] when the account is gone.
    pub async fn deletion(&self, caller: &Caller) -> Result<Option<Deletion>, Error> {
        self.account_of(caller).await?;
        let row = deletions::of_user(self.db.pool(), caller.user_id).await?;
        Ok(row.map(|row| Deletion {
            status: if row.refused_as.is_some() { DeletionStatus::Refused } else { DeletionStatus::UnderWay },
            reason: row.refused_as,
            requested_at: row.requested_at,
        }))
    }
}
