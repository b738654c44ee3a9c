//! The unit's own access tokens, for its calls to other services.

use super::flight::{Fetch, SingleFlight};
use crate::config::Identity;
use crate::http::Failure;
use arc_swap::ArcSwapOption;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The least time between two fetches that fail.
const PAUSE: Duration = Duration::from_secs(1);

/// Gets access tokens for a service (OAuth 2.0 client credentials, RFC 6749, section 4.4), and renews them behind the
/// calls from the middle of their life on: the issuer may be away for half of it. Clones share the token.
///
/// ```
/// # use chassis::jwt::TokenSource;
/// # use secrecy::ExposeSecret as _;
/// # async fn call(tokens: TokenSource, client: reqwest::Client) -> anyhow::Result<()> {
/// let token = tokens.token().await.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
/// client.get("http://127.0.0.1:3003/v1/…").bearer_auth(token.expose_secret()).send().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenSource(Arc<Inner>);

struct Inner {
    service: &'static str,
    config: Identity,
    client: reqwest::Client,
    current: ArcSwapOption<Token>,
    flight: SingleFlight,
}

struct Token {
    token: SecretString,
    renewed_from: Instant,
    ends: Instant,
}

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    expires_in: u64,
}

impl TokenSource {
    /// Makes a source for the service of this name; a token is fetched when the first call needs it.
    #[must_use]
    pub fn new(service: &'static str, config: Identity) -> Self {
        let (current, flight) = (ArcSwapOption::empty(), SingleFlight::default());
        Self(Arc::new(Inner { service, config, client: crate::client::new(), current, flight }))
    }

    /// A valid token of the service. Waits only where there is none.
    ///
    /// # Errors
    /// [`Code::Unavailable`](contracts::problem::Code::Unavailable) when the issuer is away or refuses, and no token is
    /// left.
    pub async fn token(&self) -> Result<SecretString, Failure> {
        if let Some(token) = self.valid() {
            return Ok(token);
        }
        let fetched = self.fetch().await;
        let missing = || match fetched {
            Ok(()) => anyhow::anyhow!("the issuer's token ended before it was used"),
            Err(error) => anyhow::anyhow!("{error:#}"),
        };
        self.valid().ok_or_else(|| Failure::unavailable("Another service cannot be asked at the moment.", missing()))
    }

    /// The token, while it is valid; where it is time, its successor is fetched behind the answer.
    fn valid(&self) -> Option<SecretString> {
        let (current, now) = (self.0.current.load_full()?, Instant::now());
        if now >= current.ends {
            return None;
        }
        if now >= current.renewed_from {
            drop(self.fetch());
        }
        Some(current.token.clone())
    }

    fn fetch(&self) -> Fetch {
        let inner = Arc::clone(&self.0);
        self.0.flight.fetch("a service's token", PAUSE, || async move { inner.renew().await })
    }
}

impl Inner {
    async fn renew(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let request = self
            .client
            .post(self.config.token_url.clone())
            .basic_auth(self.service, Some(self.config.secret.expose_secret()))
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .headers(crate::client::context_headers())
            .body("grant_type=client_credentials");
        let Answer { access_token, expires_in } = request.send().await?.error_for_status()?.json().await?;
        let life = Duration::from_secs(expires_in);
        let token = Token { token: access_token, renewed_from: began + life / 2, ends: began + life };
        self.current.store(Some(Arc::new(token)));
        Ok(())
    }
}
