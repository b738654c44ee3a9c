//! Limits on attempts, shared by all processes through the database.
//!
//! Nobody is locked out by what others do: a log-in is limited by the pair of account and address, and strangers'
//! addresses by what they try elsewhere. See ADR 0005.

use crate::config::{self, Limit};
use crate::domain::Email;
use crate::error::Error;
use crate::metrics as names;
use crate::store::{attempts, known_networks};
use chrono::TimeDelta;
use postgres::Db;
use ring::hmac;
use sqlx::PgConnection;
use std::net::IpAddr;
use uuid::Uuid;

/// Lets attempts through, or refuses them. Clones share their counts, as all processes do.
#[derive(Clone)]
pub struct Limiter {
    db: Db,
    limits: config::Limits,
    /// Turns e-mails and addresses into what is stored of them.
    key: hmac::Key,
}

#[derive(Debug, Clone, Copy)]
pub enum Attempt<'a> {
    /// A log-in from an address, to any account that is strange to it.
    LoginFrom(IpAddr),
    /// A log-in to an account, whether it exists or not, from an address.
    Login(&'a Email, IpAddr),
    /// A log-in to an account from any address that is strange to it.
    ByStranger(&'a Email),
    /// A log-in to an account that is being guessed, from an address that is strange to it.
    Guess(&'a Email, IpAddr),
    /// A signed-in user's password, in a session.
    Proof(Uuid),
    /// A service's secret, from an address; services that do not exist are one.
    Service(Option<&'a str>, IpAddr),
    RegisterFrom(IpAddr),
    /// A registration with an e-mail.
    RegisterAs(&'a Email),
}

impl Limiter {
    /// Makes a limiter; `secret` keys the digests under which attempts are stored.
    pub fn new(db: Db, limits: config::Limits, secret: &[u8]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = hmac::sign(&root, b"auth: subjects of attempts");
        // There from the start: alerts on their growth see the first one, too.
        let _ = metrics::counter!(names::GUESSED);
        let _ = metrics::counter!(names::REFRESHES, "outcome" => "reused");
        Self { db, limits, key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) }
    }

    /// Counts a log-in. From an address that the account was logged in to from, only that pair's failures count. From
    /// others, what the address tries elsewhere counts, too; and when many strange addresses try one account, each of
    /// them gets few tries, whoever it is. Fails with [`Error::Limited`] when there were too many.
    pub async fn count_login(&self, email: &Email, address: IpAddr) -> Result<(), Error> {
        self.count(Attempt::Login(email, address)).await?;
        if known_networks::contains(self.db.pool(), &self.known(email, address)).await? {
            return Ok(());
        }
        self.count(Attempt::LoginFrom(address)).await?;
        if self.wait(Attempt::ByStranger(email)).await?.is_none() {
            return Ok(());
        }
        metrics::counter!(names::GUESSED).increment(1);
        self.count(Attempt::Guess(email, address)).await
    }

    /// Forgets the failures of a pair that succeeded.
    pub async fn forget_login(&self, email: &Email, address: IpAddr) {
        self.forget(Attempt::Login(email, address)).await;
        self.forget(Attempt::Guess(email, address)).await;
    }

    /// Remembers that the account was logged in to from the address.
    pub async fn let_in(
        &self,
        connection: &mut PgConnection,
        email: &Email,
        user_id: Uuid,
        address: IpAddr,
    ) -> sqlx::Result<()> {
        known_networks::note(connection, &self.known(email, address), user_id).await
    }

    /// Counts an attempt. Fails with [`Error::Limited`] when there were too many.
    pub async fn count(&self, attempt: Attempt<'_>) -> Result<(), Error> {
        let Some(wait) = self.wait(attempt).await? else { return Ok(()) };
        metrics::counter!(names::LIMITED, "limit" => attempt.name()).increment(1);
        chassis::http::log_fields::add("limit", attempt.name());
        Err(Error::Limited { retry_after: wait.to_std().unwrap_or_default() })
    }

    /// Counts an attempt, or tells how long to wait for the next.
    async fn wait(&self, attempt: Attempt<'_>) -> sqlx::Result<Option<TimeDelta>> {
        let limit = self.limit(attempt);
        let each = TimeDelta::microseconds(i64::from(limit.seconds) * 1_000_000 / i64::from(limit.attempts));
        let ahead = each * i32::try_from(limit.attempts - 1).unwrap_or(i32::MAX);
        attempts::count(self.db.pool(), &self.subject(attempt), each, ahead).await
    }

    /// Forgets the attempts, when one succeeded. A failure of the store is logged only: the log-in succeeded.
    pub async fn forget(&self, attempt: Attempt<'_>) {
        if let Err(error) = attempts::forget(self.db.pool(), &self.subject(attempt)).await {
            tracing::warn!(error = %error, limit = attempt.name(), "Attempts could not be forgotten.");
        }
    }

    fn limit(&self, attempt: Attempt<'_>) -> Limit {
        match attempt {
            Attempt::LoginFrom(_) => self.limits.login_per_address,
            Attempt::Login(..) => self.limits.login_per_pair,
            Attempt::ByStranger(_) => self.limits.strangers_per_account,
            Attempt::Guess(..) => self.limits.guessed_per_pair,
            Attempt::Proof(_) => self.limits.proof_per_session,
            Attempt::Service(..) => self.limits.service_per_pair,
            Attempt::RegisterFrom(_) => self.limits.register_per_address,
            Attempt::RegisterAs(_) => self.limits.register_per_account,
        }
    }

    fn subject(&self, attempt: Attempt<'_>) -> Vec<u8> {
        let who = match attempt {
            Attempt::ByStranger(email) | Attempt::RegisterAs(email) => email.as_str().to_owned(),
            Attempt::LoginFrom(address) | Attempt::RegisterFrom(address) => network(address),
            Attempt::Login(email, address) | Attempt::Guess(email, address) => pair(email, address),
            Attempt::Proof(session) => session.to_string(),
            Attempt::Service(name, address) => format!("{}\0{}", name.unwrap_or_default(), network(address)),
        };
        self.digest(attempt.name(), &who)
    }

    fn known(&self, email: &Email, address: IpAddr) -> Vec<u8> {
        self.digest("known_networks", &pair(email, address))
    }

    fn digest(&self, what: &str, who: &str) -> Vec<u8> {
        hmac::sign(&self.key, format!("{what}\0{who}").as_bytes()).as_ref().to_vec()
    }
}

impl Attempt<'_> {
    const fn name(self) -> &'static str {
        match self {
            Self::LoginFrom(_) => "login_per_address",
            Self::Login(..) => "login_per_pair",
            Self::ByStranger(_) => "strangers_per_account",
            Self::Guess(..) => "guessed_per_pair",
            Self::Proof(_) => "proof_per_session",
            Self::Service(..) => "service_per_pair",
            Self::RegisterFrom(_) => "register_per_address",
            Self::RegisterAs(_) => "register_per_account",
        }
    }
}

/// What counts as one address: of IPv6 the first 64 bits, because one host has the whole /64.
pub(crate) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

fn pair(email: &Email, address: IpAddr) -> String {
    format!("{}\0{}", email.as_str(), network(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_an_ipv6_network_are_one_and_others_are_not() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
