//! Makes the first operator.

use super::Accounts;
use super::register::add;
use crate::config::BootstrapOperator;
use crate::domain::{Email, FullName, Password, Role, User};
use crate::error::Error;
use crate::store::users;
use anyhow::anyhow;

impl Accounts {
    /// Makes the configured operator, unless there is an operator with that e-mail, whose password stays as it is.
    /// Fails when the e-mail belongs to an account that is no operator's: raising it silently would hand the operators'
    /// routes to whoever registered first.
    pub async fn bootstrap(&self, operator: &BootstrapOperator) -> Result<(), Error> {
        let refused = |message: &str| anyhow!("bootstrap_operator: {message}");
        let email = Email::parse(&operator.email).map_err(refused)?;
        if self.has_operator(&email).await? {
            return Ok(());
        }
        let password = Password::parse(operator.password.clone(), &email).map_err(refused)?;
        let hash = self.hasher.hash("bootstrap", password.into_candidate()).await?;
        let name = FullName::parse("Operator").map_err(refused)?;
        let user = User::register(email.clone(), name, vec![Role::User, Role::Operator]);
        let mut tx = self.db.begin().await?;
        match add(&mut tx, &user, &hash).await {
            Ok(()) => {
                tx.commit().await?;
                tracing::info!(user.id = %user.id, "The first operator was made.");
                Ok(())
            }
            // Another process was quicker, or a registration was: look again which.
            Err(Error::EmailTaken) => {
                tx.rollback().await?;
                self.has_operator(&email).await.map(drop)
            }
            Err(error) => Err(error),
        }
    }

    async fn has_operator(&self, email: &Email) -> Result<bool, Error> {
        match users::by_email(self.db.pool(), email).await? {
            None => Ok(false),
            Some(account) if account.user.is_operator() => Ok(true),
            Some(_) => Err(anyhow!(
                "bootstrap_operator.email belongs to an account that is no operator's: \
                 choose another e-mail"
            )
            .into()),
        }
    }
}
