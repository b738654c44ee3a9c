//! Registers an account.

use super::Accounts;
use crate::domain::{Email, FullName, Password, Role, User};
use crate::error::Error;
use crate::limits::{Attempt, network};
use crate::metrics as names;
use crate::store::users;
use contracts::envelope::Event;
use contracts::rest::auth::Session;
use postgres::Tx;
use std::net::IpAddr;

/// What a new account is made of.
pub struct Registration {
    /// How it is reached.
    pub email: Email,
    pub password: Password,
    pub full_name: FullName,
}

impl Accounts {
    /// Makes an account and begins its first session.
    ///
    /// The password is hashed before anybody looks whether the e-mail is taken: both answers take as long.
    pub async fn register(&self, registration: Registration, address: IpAddr) -> Result<Session, Error> {
        let Registration { email, password, full_name } = registration;
        self.limiter.count(Attempt::RegisterFrom(address)).await?;
        self.limiter.count(Attempt::RegisterAs(&email)).await?;
        let hash = self.hasher.hash(&network(address), password.into_candidate()).await?;
        let user = User::register(email, full_name, vec![Role::User]);
        let mut tx = self.db.begin().await?;
        add(&mut tx, &user, &hash).await?;
        let session = self.begin_session(&mut tx, &user).await?;
        self.limiter.let_in(&mut tx, &user.email, user.id, address).await?;
        tx.commit().await?;
        metrics::counter!(names::REGISTRATIONS).increment(1);
        chassis::http::log_fields::add("user_id", user.id.to_string());
        Ok(session)
    }
}

/// Adds an account, and its event to the outbox.
pub(super) async fn add(tx: &mut Tx, user: &User, password_hash: &str) -> Result<(), Error> {
    users::insert(tx, user, password_hash).await?;
    let event = Event::new(user.id.to_string(), 1, user.registered());
    tx.enqueue(event)?;
    Ok(())
}
