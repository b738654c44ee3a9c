//! Verifies access tokens.

use super::keys::{Fetched, Keys, LocalKeys};
use crate::{config::Jwt, http::Failure};
use contracts::problem::Code;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header, get_current_timestamp};
use ring::digest;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 4_096;
/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 30;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made the token.
    pub iss: String,
    /// For whom it was made.
    pub aud: String,
    /// Whose it is.
    pub sub: Uuid,
    /// What they may do.
    pub roles: Vec<String>,
    /// When it ends, in seconds since the Unix epoch.
    pub exp: u64,
    /// When it begins.
    pub nbf: u64,
    /// When it was made.
    pub iat: u64,
    /// Identifies the token.
    pub jti: Uuid,
}

/// Verifies access tokens by the issuer's keys. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    keys: Keys,
    issuer: String,
    audience: String,
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
        let (issuer, audience) = (config.issuer.clone(), config.audience.clone());
        Self { inner: Arc::new(Inner { keys, issuer, audience }) }
    }

    /// Verifies signature, issuer, audience and times (leeway 30 s), and tells the claims.
    ///
    /// # Errors
    /// [`Code::InvalidToken`] when anything is amiss; [`Code::Unavailable`] when the keys cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Claims, Failure> {
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
        if let Some(claims) = key.verified.get(&digest).await
            && get_current_timestamp() < claims.exp
        {
            return Ok(claims);
        }
        let claims = decode::<Claims>(token, &key.decoding, &self.validation(key.algorithm))
            .map_err(|error| refused("it was refused").caused_by(error))?
            .claims;
        key.verified.insert(digest, claims.clone()).await;
        Ok(claims)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.inner.issuer]);
        validation.set_audience(&[&self.inner.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        validation
    }
}

fn sha256(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    bytes
}

fn refused(why: &str) -> Failure {
    Failure::new(Code::InvalidToken, format!("The access token cannot be accepted: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn a_signature_is_computed_once_for_a_token() {
        super::super::crypto::install();
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
        let key = verifier.inner.keys.find("test").await.expect("no fetch").expect("it is known");
        key.verified.insert(sha256(token), claims.clone()).await;
        assert_eq!(verifier.verify(token).await.expect("it is remembered"), claims);
    }
}
