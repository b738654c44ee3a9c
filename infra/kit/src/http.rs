//! The HTTP client of the kit: plain HTTP to this machine, redirects shown and not followed.

use anyhow::Result;
use reqwest::StatusCode;
use std::sync::OnceLock;
use std::time::Duration;

pub fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        // Fails when the test has installed one already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        // Connections are not kept: the client outlives the runtime of a single test.
        builder.pool_max_idle_per_host(0).timeout(Duration::from_secs(30)).build().unwrap_or_default()
    })
}

/// Asks a unit for its readiness.
pub async fn health(url: &str) -> Result<StatusCode> {
    Ok(client().get(format!("{url}/health/ready")).send().await?.status())
}
