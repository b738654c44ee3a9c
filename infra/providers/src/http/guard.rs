//! The API secret.

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chassis::http::Failure;
use contracts::problem::Code;
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret, SecretString};

/// Knows the secret when it is shown. Compares digests, so that time tells nothing.
#[derive(Clone)]
pub(super) struct Secret {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl Secret {
    pub(super) fn new(secret: &SecretString) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).expect("the system has randomness");
        let tag = hmac::sign(&key, secret.expose_secret().as_bytes());
        Self { key, tag }
    }

    fn is(&self, shown: &str) -> bool {
        hmac::verify(&self.key, shown.as_bytes(), self.tag.as_ref()).is_ok()
    }
}

/// Lets through who shows the secret.
pub(super) async fn guard(State(secret): State<Secret>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match shown {
        Some(shown) if secret.is(shown) => next.run(request).await,
        Some(_) => Failure::new(Code::InvalidToken, "This is not the API secret.").into_response(),
        None => Failure::new(Code::Unauthenticated, "Send the API secret as a bearer token.").into_response(),
    }
}
