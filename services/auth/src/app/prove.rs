//! Lets the caller prove once more who they are, before what cannot be taken back.

use super::Accounts;
use crate::{
    domain::Candidate,
    error::Error,
    hashing::Verdict,
    limits::Attempt,
    store::users::{self, Account},
};
use chassis::jwt::Caller;

impl Accounts {
    /// The caller's account.
    ///
    /// # Errors
    /// [`Error::CallerGone`] when there is none any more, or it is not active.
    pub(super) async fn account_of(&self, caller: &Caller) -> Result<Account, Error> {
        let mut connection = self.pool.acquire().await?;
        let account = users::by_id(&mut connection, caller.user_id).await?;
        account.filter(|account| account.is_active).ok_or(Error::CallerGone)
    }

    /// Checks the password of an account whose token came along.
    ///
    /// Tries count with log-ins to the account: a stolen access token must not be a way around their limit.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] when it is not the password; [`Error::Limited`]; [`Error::Busy`].
    pub(super) async fn prove(&self, account: &Account, password: Candidate) -> Result<(), Error> {
        self.limiter.count(Attempt::LoginTo(&account.user.email)).await?;
        match self.hasher.verify(password, Some(account.password_hash.clone())).await? {
            Verdict::Wrong => Err(Error::InvalidCredentials),
            Verdict::Right | Verdict::RightButOld => Ok(()),
        }
    }
}
