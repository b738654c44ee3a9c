//! Changes the caller's password.

use super::Accounts;
use crate::{
    domain::{Candidate, Ended, Password},
    error::Error,
    hashing::Verdict,
    limits::Attempt,
    metrics as names,
    store::{
        sessions,
        users::{self, Account},
    },
};
use chassis::jwt::Caller;
use secrecy::SecretString;

impl Accounts {
    /// Changes the password and ends every session but the caller's.
    ///
    /// Tries at the current password count with log-ins to the account: a stolen access token must
    /// not be a way around their limit.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] when `current` is not the password; [`Error::Field`] when the
    /// new one is not acceptable; [`Error::CallerGone`] when the caller's session has ended.
    pub async fn change_password(&self, caller: &Caller, current: Candidate, new: SecretString) -> Result<(), Error> {
        let account = self.account_of(caller).await?;
        let email = &account.user.email;
        let refused = |message| Error::Field { field: "new_password", message };
        let new = Password::parse(new, email).map_err(refused)?.into_candidate();
        if new.expose() == current.expose() {
            return Err(refused("must differ from the current one"));
        }
        self.limiter.count(Attempt::LoginTo(email)).await?;
        let verdict = self.hasher.verify(current, Some(account.password_hash.clone())).await?;
        if verdict == Verdict::Wrong {
            return Err(Error::InvalidCredentials);
        }
        let hash = self.hasher.hash(new).await?;
        let ended = self.replace(caller, &account, &hash).await?;
        self.limiter.forget(Attempt::LoginTo(email)).await;
        let reason = Ended::PasswordChanged.as_str();
        metrics::counter!(names::SESSIONS_ENDED, "reason" => reason).increment(ended);
        chassis::http::facts::note("sessions_ended", ended);
        Ok(())
    }

    async fn account_of(&self, caller: &Caller) -> Result<Account, Error> {
        let mut connection = self.pool.acquire().await?;
        users::by_id(&mut connection, caller.user_id)
            .await?
            .filter(|account| account.is_active)
            .ok_or(Error::CallerGone)
    }

    /// Puts the new hash in place and ends the other sessions, or does neither.
    async fn replace(&self, caller: &Caller, account: &Account, hash: &str) -> Result<u64, Error> {
        let mut tx = self.pool.begin().await?;
        // The account before the session, as in log-in: one order of locks everywhere.
        if !users::change_password(&mut tx, caller.user_id, account.password_version, hash).await? {
            return Err(Error::InvalidCredentials);
        }
        let session = sessions::lock_by_access_token(&mut tx, caller.token_id, caller.user_id).await?;
        let session = session.filter(|session| !session.is_revoked).ok_or(Error::CallerGone)?;
        let ended = sessions::revoke_others(&mut tx, caller.user_id, session.id, Ended::PasswordChanged).await?;
        tx.commit().await?;
        Ok(ended)
    }
}
