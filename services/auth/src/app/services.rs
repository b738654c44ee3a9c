//! Gives services access tokens of their own.

use crate::config::{ServiceSecrets, Tokens};
use crate::error::Error;
use crate::keys::Keys;
use crate::limits::{Attempt, Limiter};
use crate::metrics as names;
use chassis::config::Jwt;
use chassis::jwt::ServiceClaims;
use chrono::Utc;
use contracts::rest::auth::ServiceToken;
use ring::digest;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use uuid::Uuid;

/// The services that are known, and what gives them tokens. Clones are the same.
#[derive(Clone)]
pub struct Services {
    inner: Arc<Inner>,
}

struct Inner {
    known: BTreeMap<String, ServiceSecrets>,
    life: u64,
    keys: Keys,
    limiter: Limiter,
    jwt: Jwt,
}

impl Services {
    /// Puts together what the use case needs.
    pub fn new(
        known: BTreeMap<String, ServiceSecrets>,
        tokens: &Tokens,
        keys: Keys,
        limiter: Limiter,
        jwt: Jwt,
    ) -> Self {
        let life = tokens.service_seconds.into();
        Self { inner: Arc::new(Inner { known, life, keys, limiter, jwt }) }
    }

    /// Gives the service a token, if this is its secret or the one before.
    ///
    /// Failures count for the pair of service and address; those of names that do not exist count together.
    pub async fn token(&self, name: &str, secret: &SecretString, address: IpAddr) -> Result<ServiceToken, Error> {
        let Inner { known, life, keys, limiter, .. } = &*self.inner;
        let secrets = known.get(name);
        let attempt = Attempt::Service(secrets.map(|_| name), address);
        limiter.count(attempt).await?;
        let is_right = secrets.is_some_and(|secrets| is_secret(secrets, secret));
        let outcome = if is_right { "accepted" } else { "refused" };
        metrics::counter!(names::SERVICE_TOKENS, "outcome" => outcome).increment(1);
        if !is_right {
            return Err(Error::InvalidClient);
        }
        limiter.forget(attempt).await;
        chassis::http::log_fields::add("service", name.to_owned());
        Ok(ServiceToken {
            access_token: keys.sign(&self.claims(name))?,
            token_type: "Bearer".to_owned(),
            expires_in: *life,
        })
    }

    fn claims(&self, name: &str) -> ServiceClaims {
        let Inner { life, jwt, .. } = &*self.inner;
        let now = u64::try_from(Utc::now().timestamp()).unwrap_or_default();
        ServiceClaims {
            iss: jwt.issuer.clone(),
            aud: jwt.service_audience(),
            sub: format!("{}{name}", ServiceClaims::PREFIX),
            exp: now + life,
            nbf: now,
            iat: now,
            jti: Uuid::now_v7(),
        }
    }
}

/// Compares digests of random secrets: the time that it takes tells nothing of a secret.
fn is_secret(secrets: &ServiceSecrets, tried: &SecretString) -> bool {
    let digest = digest::digest(&digest::SHA256, tried.expose_secret().as_bytes());
    let digest = hex::encode(digest);
    secrets.sha256 == digest || secrets.previous_sha256.as_ref() == Some(&digest)
}
