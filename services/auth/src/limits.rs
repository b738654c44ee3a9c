//! Limits on attempts, by account and by address, shared by all processes through the database.

use crate::{
    config::{self, Limit},
    domain::Email,
    error::Error,
    metrics as names,
    store::attempts,
};
use chrono::TimeDelta;
use ring::hmac;
use sqlx::PgPool;
use std::net::IpAddr;

/// Lets attempts through, or refuses them. Clones share their counts, as all processes do.
#[derive(Clone)]
pub struct Limiter {
    pool: PgPool,
    limits: config::Limits,
    /// Turns e-mails and addresses into what is stored of them.
    key: hmac::Key,
}

/// What is limited.
#[derive(Debug, Clone, Copy)]
pub enum Attempt<'a> {
    /// A log-in from an address.
    LoginFrom(IpAddr),
    /// A log-in to an account, whether it exists or not.
    LoginTo(&'a Email),
    /// A registration from an address.
    RegisterFrom(IpAddr),
    /// A registration with an e-mail.
    RegisterAs(&'a Email),
}

impl Limiter {
    /// Makes a limiter; `secret` keys the digests under which attempts are stored.
    #[must_use]
    pub fn new(pool: PgPool, limits: config::Limits, secret: &[u8]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = hmac::sign(&root, b"auth: subjects of attempts");
        Self { pool, limits, key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) }
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// [`Error::Limited`] when there were too many.
    pub async fn count(&self, attempt: Attempt<'_>) -> Result<(), Error> {
        let limit = self.limit(attempt);
        let each = TimeDelta::microseconds(i64::from(limit.seconds) * 1_000_000 / i64::from(limit.attempts));
        let ahead = each * i32::try_from(limit.attempts - 1).unwrap_or(i32::MAX);
        let wait = attempts::count(&self.pool, &self.subject(attempt), each, ahead).await?;
        let Some(wait) = wait else { return Ok(()) };
        metrics::counter!(names::LIMITED, "limit" => attempt.name()).increment(1);
        chassis::http::facts::note("limit", attempt.name());
        Err(Error::Limited { retry_after: wait.to_std().unwrap_or_default() })
    }

    /// Forgets the attempts, when one succeeded. A failure to is logged and costs nobody that success.
    pub async fn forget(&self, attempt: Attempt<'_>) {
        if let Err(error) = attempts::forget(&self.pool, &self.subject(attempt)).await {
            tracing::warn!(error = %error, limit = attempt.name(), "Attempts could not be forgotten.");
        }
    }

    fn limit(&self, attempt: Attempt<'_>) -> Limit {
        match attempt {
            Attempt::LoginFrom(_) => self.limits.login_per_address,
            Attempt::LoginTo(_) => self.limits.login_per_account,
            Attempt::RegisterFrom(_) => self.limits.register_per_address,
            Attempt::RegisterAs(_) => self.limits.register_per_account,
        }
    }

    fn subject(&self, attempt: Attempt<'_>) -> Vec<u8> {
        let who = match attempt {
            Attempt::LoginTo(email) | Attempt::RegisterAs(email) => email.as_str().to_owned(),
            Attempt::LoginFrom(address) | Attempt::RegisterFrom(address) => network(address),
        };
        let subject = format!("{}\0{who}", attempt.name());
        hmac::sign(&self.key, subject.as_bytes()).as_ref().to_vec()
    }
}

impl Attempt<'_> {
    const fn name(self) -> &'static str {
        match self {
            Self::LoginFrom(_) => "login_per_address",
            Self::LoginTo(_) => "login_per_account",
            Self::RegisterFrom(_) => "register_per_address",
            Self::RegisterAs(_) => "register_per_account",
        }
    }
}

/// What counts as one address: of IPv6 the first 64 bits, as whoever has one has them all.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
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
