//! Verifies access tokens.

use super::claims::{Claims, Identity};
use super::keys::{Fetched, Keys, LocalKeys};
use crate::config::Jwt;
use crate::http::Failure;
use contracts::problem::Code;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header, get_current_timestamp};
use ring::digest;
use std::sync::Arc;

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 4_096;
/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 30;

/// Verifies access tokens by the issuer's keys. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    keys: Keys,
    issuer: String,
    users: String,
    services: String,
}

impl Verifier {
    /// Makes a verifier; keys are fetched when the first token comes.
    #[must_use]
    pub fn new(config: &Jwt) -> Self {
        Self::with(config, Keys::Fetched(Fetched::new(config.jwks_url.clone())))
    }

    /// Makes a verifier for the issuer itself, which knows its keys without asking.
    #[must_use]
    pub fn local(config: &Jwt, keys: LocalKeys) -> Self {
        Self::with(config, Keys::Local(keys))
    }

    /// Whether `other` is a clone of this one.
    #[cfg(test)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    fn with(config: &Jwt, keys: Keys) -> Self {
        let (issuer, users, services) = (config.issuer.clone(), config.audience.clone(), config.service_audience());
        Self { inner: Arc::new(Inner { keys, issuer, users, services }) }
    }

    /// Verifies the token of a user, as [`identify`](Self::identify) does, and refuses that of a service.
    pub async fn verify(&self, token: &str) -> Result<Claims, Failure> {
        match self.identify(token).await? {
            Identity::User(claims) => Ok(claims),
            Identity::Service(_) => Err(refused("it is a service's")),
        }
    }

    /// Verifies signature, issuer, audience and times (leeway 30 s), and tells whose token it is.
    ///
    /// # Errors
    /// [`Code::InvalidToken`] when anything is amiss; [`Code::Unavailable`] when the keys cannot be had.
    pub async fn identify(&self, token: &str) -> Result<Identity, Failure> {
        if token.len() > LONGEST {
            return Err(refused("it is too long"));
        }
        let header = decode_header(token).map_err(|_| refused("it is malformed"))?;
        let accepted = matches!(header.alg, Algorithm::EdDSA | Algorithm::ES256 | Algorithm::RS256);
        if !accepted {
            return Err(refused("its algorithm is not accepted"));
        }
        let id = header.kid.ok_or_else(|| refused("it names no key"))?;
        let found = self
            .inner
            .keys
            .find(&id)
            .await
            .map_err(|cause| Failure::unavailable("Tokens cannot be verified at the moment.", cause))?;
        let key = found.ok_or_else(|| refused("its key is not known"))?;
        if key.algorithm != header.alg {
            return Err(refused("its algorithm is not its key's"));
        }
        let digest = sha256(token);
        // What was in order once is so until it ends.
        if let Some(identity) = key.verified.get(&digest).await
            && get_current_timestamp() < identity.exp()
        {
            return Ok(identity);
        }
        let identity = decode::<Identity>(token, &key.decoding, &self.validation(key.algorithm))
            .map_err(|error| refused("it was refused").caused_by(error))?
            .claims;
        let is_whole = match &identity {
            Identity::User(claims) => claims.aud == self.inner.users,
            Identity::Service(claims) => claims.aud == self.inner.services && !claims.name().is_empty(),
        };
        if !is_whole {
            return Err(refused("it was refused"));
        }
        key.verified.insert(digest, identity.clone()).await;
        Ok(identity)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.inner.issuer]);
        validation.set_audience(&[&self.inner.users, &self.inner.services]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        validation
    }
}

fn sha256(token: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn refused(why: &str) -> Failure {
    Failure::new(Code::InvalidToken, format!("The access token cannot be accepted: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    #[tokio::test]
    async fn a_signature_is_computed_once_for_a_token() {
        crate::crypto::install();
        let key = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "test",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let keys = LocalKeys::default();
        keys.publish(&serde_json::from_value(json!({"keys": [key]})).expect("a key set"));
        let verifier = Verifier::local(&Jwt::default(), keys);
        // {"alg":"EdDSA","kid":"test"}, {} and no signature: only who remembers it accepts it.
        let token = "eyJhbGciOiJFZERTQSIsImtpZCI6InRlc3QifQ.e30.AAAA";
        let (iss, aud, sub, jti) = (String::new(), String::new(), Uuid::now_v7(), Uuid::now_v7());
        let exp = get_current_timestamp() + 600;
        let claims = Claims { iss, aud, sub, roles: Vec::new(), exp, nbf: 0, iat: 0, jti };
        let identity = Identity::User(claims.clone());
        let key = verifier.inner.keys.find("test").await.expect("no fetch").expect("it is known");
        key.verified.insert(sha256(token), identity).await;
        assert_eq!(verifier.verify(token).await.expect("it is remembered"), claims);
    }
}
