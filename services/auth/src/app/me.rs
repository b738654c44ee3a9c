//! Tells callers who they are.

use super::Accounts;
use crate::domain::User;
use crate::error::Error;
use chassis::jwt::Caller;

impl Accounts {
    /// The caller's account. Fails with [`Error::CallerGone`] when the account is deleted or not active.
    pub async fn me(&self, caller: &Caller) -> Result<User, Error> {
        Ok(self.account_of(caller).await?.user)
    }
}
