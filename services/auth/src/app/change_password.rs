//! Changes the caller's password.

use super::Accounts;
use crate::domain::{Candidate, Ended, Password};
use crate::error::Error;
use crate::metrics as names;
use crate::store::users::{self, Account};
use crate::store::{known_networks, sessions};
use chassis::jwt::Caller;
use secrecy::SecretString;

impl Accounts {
    /// Changes the password and ends every session but the caller's. Fails with [`Error::InvalidCredentials`] when
    /// `current` is not the password; [`Error::Field`] when the new one is not acceptable; [`Error::CallerGone`] when
    /// the caller's session has ended.
    pub async fn change_password(&self, caller: &Caller, current: Candidate, new: SecretString) -> Result<(), Error> {
        let account = self.account_of(caller).await?;
        let email = &account.user.email;
        let refused = |message| Error::Field { field: "new_password", message };
        let new = Password::parse(new, email).map_err(refused)?.into_candidate();
        if new.expose() == current.expose() {
            return Err(refused("must differ from the current one"));
        }
        self.prove(caller, &account, current).await?;
        let hash = self.hasher.hash(&caller.user_id.to_string(), new).await?;
        let ended = self.replace(caller, &account, &hash).await?;
        let reason = Ended::PasswordChanged.into_str();
        metrics::counter!(names::SESSIONS_ENDED, "reason" => reason).increment(ended);
        chassis::http::log_fields::add("sessions_ended", ended);
        Ok(())
    }

    /// Puts the new hash in place and ends the other sessions, or does neither.
    async fn replace(&self, caller: &Caller, account: &Account, hash: &str) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        // The account before the session, as in log-in: one order of locks everywhere.
        if !users::change_password(&mut tx, caller.user_id, account.password_version, hash).await? {
            return Err(Error::InvalidCredentials);
        }
        let session = sessions::lock_by_access_token(&mut tx, caller.token_id, caller.user_id).await?;
        let session = session.filter(|session| !session.is_revoked).ok_or(Error::CallerGone)?;
        let ended = sessions::revoke_others(&mut tx, caller.user_id, session.id, Ended::PasswordChanged).await?;
        // Who knew the old password is a stranger now, wherever they were let in.
        known_networks::forget(&mut tx, caller.user_id).await?;
        tx.commit().await?;
        Ok(ended)
    }
}
