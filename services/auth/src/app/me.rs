//! Tells callers who they are.

use super::Accounts;
use crate::{domain::User, error::Error, store::users};
use chassis::jwt::Caller;

impl Accounts {
    /// The caller's account.
    ///
    /// # Errors
    /// [`Error::CallerGone`] when there is none any more, or it is not active.
    pub async fn me(&self, caller: &Caller) -> Result<User, Error> {
        let mut connection = self.pool.acquire().await?;
        let account = users::by_id(&mut connection, caller.user_id).await?;
        let account = account.filter(|account| account.is_active);
        Ok(account.ok_or(Error::CallerGone)?.user)
    }
}
