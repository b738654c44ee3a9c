//! One signing key: made, written as a public JSON Web Key, and made ready to sign.

use anyhow::anyhow;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::rest::auth::JsonWebKey;
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

pub(super) struct NewKey {
    pub(super) id: String,
    pub(super) public: Vec<u8>,
    /// PKCS#8.
    pub(super) private: Vec<u8>,
}

impl NewKey {
    pub(super) fn generate() -> anyhow::Result<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| anyhow!("the system gives no randomness"))?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())
            .map_err(|error| anyhow!("a new signing key cannot be read: {error}"))?;
        let public = pair.public_key().as_ref().to_vec();
        Ok(Self { id: thumbprint(&public), public, private: document.as_ref().to_vec() })
    }
}

/// The id of a key: its thumbprint by RFC 7638, with the members that RFC 8037 names.
fn thumbprint(public: &[u8]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, members.as_bytes()))
}

/// The public half, as it is published.
pub(super) fn jwk(id: &str, public: &[u8]) -> JsonWebKey {
    JsonWebKey {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        x: URL_SAFE_NO_PAD.encode(public),
        kid: id.to_owned(),
        alg: "EdDSA".to_owned(),
        usage: "sig".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        // RFC 8037, appendices A.2 and A.3.
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let public = URL_SAFE_NO_PAD.decode(x).unwrap();
        assert_eq!(thumbprint(&public), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn verifiers_read_what_is_published() {
        let key = NewKey::generate().unwrap();
        let json = serde_json::to_value(jwk(&key.id, &key.public)).unwrap();
        let read: jsonwebtoken::jwk::Jwk = serde_json::from_value(json).unwrap();
        assert_eq!(read.common.key_id.as_deref(), Some(&*key.id));
        assert!(jsonwebtoken::DecodingKey::from_jwk(&read).is_ok());
    }
}
