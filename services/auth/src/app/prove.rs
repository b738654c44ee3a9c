//! Tells callers who they are, and lets them prove it once more before what cannot be taken back.

use super::Accounts;
use crate::domain::{Candidate, User};
use crate::error::Error;
use crate::hashing::PasswordCheck;
use crate::limits::Attempt;
use crate::store::sessions;
use crate::store::users::{self, Account};
use chassis::jwt::Caller;

impl Accounts {
    /// The caller's account, without its secrets. Fails as [`account_of`](Self::account_of) does.
    pub async fn me(&self, caller: &Caller) -> Result<User, Error> {
        Ok(self.account_of(caller).await?.user)
    }

    /// The caller's account. Fails with [`Error::CallerGone`] when the account is deleted or not active.
    pub(super) async fn account_of(&self, caller: &Caller) -> Result<Account, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let account = users::by_id(&mut connection, caller.user_id).await?;
        account.filter(|account| account.is_active).ok_or(Error::CallerGone)
    }

    /// Checks the password of an account whose token came along.
    ///
    /// Wrong ones count for the session alone, with all tokens of it. So a stolen token is no way to guess at will, and
    /// neither it nor a stranger's log-ins keep the owner, in another session, from changing the password. Fails with
    /// [`Error::InvalidCredentials`] when it is not the password; [`Error::CallerGone`] when the token's session is not
    /// known; [`Error::Limited`]; [`Error::Busy`].
    pub(super) async fn prove(&self, caller: &Caller, account: &Account, password: Candidate) -> Result<(), Error> {
        let session = sessions::of_access_token(self.db.pool(), caller.token_id, caller.user_id).await?;
        let attempt = Attempt::Proof(session.ok_or(Error::CallerGone)?);
        self.limiter.count(attempt).await?;
        let hash = Some(account.password_hash.clone());
        match self.hasher.verify(&caller.user_id.to_string(), password, hash).await? {
            PasswordCheck::Wrong => Err(Error::InvalidCredentials),
            PasswordCheck::Right | PasswordCheck::RightButOutdated => {
                self.limiter.forget(attempt).await;
                Ok(())
            }
        }
    }
}
