//! An issuer of access tokens for tests of a unit without auth: one Ed25519 key, published as auth does.

use anyhow::Context as _;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use uuid::Uuid;

/// The `iss` of its tokens: the chassis's default.
pub const ISSUER: &str = "https://vitrine.local/auth";
/// The `aud` of its tokens: the chassis's default.
pub const AUDIENCE: &str = "vitrine";
const KEY_ID: &str = "test";
/// How long its tokens live unless said otherwise, in seconds: as auth's.
const LIFE: u64 = 900;

/// Publishes a key set on a port of its own and signs tokens; ends when dropped.
pub struct Issuer {
    key: Ed25519KeyPair,
    life: u64,
    address: SocketAddr,
    server: AbortHandle,
}

impl Issuer {
    /// Makes a key and starts to publish it.
    pub async fn start() -> anyhow::Result<Self> {
        let key = new_key()?;
        let keys = json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID,
            "x": URL_SAFE_NO_PAD.encode(key.public_key()),
        }]});
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let answer = get(move || std::future::ready(Json(keys.clone())));
        let router = Router::new().route("/.well-known/jwks.json", answer);
        let server = tokio::spawn(axum::serve(listener, router).into_future()).abort_handle();
        Ok(Self { key, life: LIFE, address, server })
    }

    /// Signs tokens that live for so many seconds: for a test that takes longer than a token of auth's lives.
    #[must_use]
    pub const fn lasting(mut self, seconds: u64) -> Self {
        self.life = seconds;
        self
    }

    /// Where the key set is: the value for `<UNIT>_JWT__JWKS_URL`.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("http://{}/.well-known/jwks.json", self.address)
    }

    #[must_use]
    pub fn token(&self, user: Uuid, roles: &[&str]) -> String {
        sign(&self.key, &self.claims(user, roles))
    }

    /// A token with the claims of [`token`](Self::token), changed by `change`.
    #[must_use]
    pub fn token_with(&self, user: Uuid, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims(user, &["user"]);
        change(&mut claims);
        sign(&self.key, &claims)
    }

    #[must_use]
    pub fn service_token(&self, name: &str) -> String {
        self.token_with(Uuid::nil(), |claims| {
            claims["sub"] = format!("service:{name}").into();
            claims["aud"] = format!("{AUDIENCE}:services").into();
            claims.as_object_mut().expect("claims are an object").remove("roles");
        })
    }

    /// A token that ended an hour ago.
    #[must_use]
    pub fn expired(&self, user: Uuid) -> String {
        self.token_with(user, |claims| {
            for (name, ago) in [("iat", 7_200), ("nbf", 7_200), ("exp", 3_600)] {
                claims[name] = (now() - ago).into();
            }
        })
    }

    /// A token that names the published key and is signed by another.
    pub fn forged(&self, user: Uuid) -> anyhow::Result<String> {
        Ok(sign(&new_key()?, &self.claims(user, &["user", "operator"])))
    }

    fn claims(&self, user: Uuid, roles: &[&str]) -> Value {
        let now = now();
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": user, "roles": roles, "jti": Uuid::now_v7(),
            "iat": now, "nbf": now, "exp": now + self.life,
        })
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn new_key() -> anyhow::Result<Ed25519KeyPair> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok().context("no randomness")?;
    Ed25519KeyPair::from_pkcs8(document.as_ref()).ok().context("the new key is not one")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs())
}

fn sign(key: &Ed25519KeyPair, claims: &Value) -> String {
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": KEY_ID}).to_string();
    let head = URL_SAFE_NO_PAD.encode(header);
    let body = URL_SAFE_NO_PAD.encode(claims.to_string());
    let signature = key.sign(format!("{head}.{body}").as_bytes());
    format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(signature))
}
