//! Logs in.

use super::Accounts;
use crate::domain::{Candidate, Email};
use crate::error::Error;
use crate::hashing::PasswordCheck;
use crate::limits::network;
use crate::metrics as names;
use crate::store::users::{self, Account};
use contracts::rest::auth::Session;
use std::net::IpAddr;

/// What somebody logs in with.
pub struct Credentials {
    pub email: Email,
    /// What is tried as its password.
    pub password: Candidate,
}

impl Accounts {
    /// Begins a session, if the credentials are right and the account is active.
    ///
    /// Unknown, inactive and wrong are one answer, after the same work.
    pub async fn log_in(&self, credentials: Credentials, address: IpAddr) -> Result<Session, Error> {
        let Credentials { email, password } = credentials;
        self.limiter.count_login(&email, address).await?;
        let outcome = self.verified(&email, password, &network(address)).await;
        let session = match outcome {
            Ok(account) => self.begin_session_of(&account, address).await,
            Err(error) => Err(error),
        };
        let label = match &session {
            Ok(_) => "accepted",
            Err(Error::InvalidCredentials) => "refused",
            Err(_) => return session,
        };
        metrics::counter!(names::LOGINS, "outcome" => label).increment(1);
        if session.is_ok() {
            self.limiter.forget_login(&email, address).await;
        }
        session
    }

    /// The account, if it is active and this is its password.
    async fn verified(&self, email: &Email, password: Candidate, caller: &str) -> Result<Account, Error> {
        let found = users::by_email(self.db.pool(), email).await?;
        let hash = found.as_ref().map(|account| account.password_hash.clone());
        let verdict = self.hasher.verify(caller, password.clone(), hash).await?;
        let Some(account) = found.filter(|account| account.is_active) else {
            return Err(Error::InvalidCredentials);
        };
        match verdict {
            PasswordCheck::Wrong => return Err(Error::InvalidCredentials),
            PasswordCheck::RightButOutdated => self.renew_hash(&account, password, caller).await?,
            PasswordCheck::Right => {}
        }
        Ok(account)
    }

    /// Hashes the password with the parameters of today; next time, when all are busy now.
    async fn renew_hash(&self, account: &Account, password: Candidate, caller: &str) -> Result<(), Error> {
        match self.hasher.hash(caller, password).await {
            Ok(hash) => Ok(users::rehash(self.db.pool(), account, &hash).await?),
            Err(Error::Busy) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Begins a session, if what was verified still holds: a change of the password must not leave
    /// behind a session that the old one began a moment later.
    async fn begin_session_of(&self, account: &Account, address: IpAddr) -> Result<Session, Error> {
        let mut tx = self.db.begin().await?;
        if !users::hold(&mut tx, account.user.id, account.password_version).await? {
            return Err(Error::InvalidCredentials);
        }
        let session = self.begin_session(&mut tx, &account.user).await?;
        self.limiter.let_in(&mut tx, &account.user.email, account.user.id, address).await?;
        tx.commit().await?;
        chassis::http::log_fields::add("user_id", account.user.id.to_string());
        Ok(session)
    }
}
