//! The HTTP client for calls to other units: passes on the trace and the request id.

use crate::http::{REQUEST_ID, RequestId};
use http::HeaderMap;
use std::time::Duration;

/// How long an idle connection is kept: shorter than units keep theirs, or a request could meet the close on its way.
pub const KEPT: Duration = Duration::from_secs(10);

/// Makes a client that speaks to other units: no redirects, no proxies, bounded connection times.
///
/// # Panics
/// Panics when TLS cannot be set up, which does not happen: the provider is compiled in.
#[must_use]
pub fn new() -> reqwest::Client {
    crate::crypto::install();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(1))
        .pool_idle_timeout(KEPT)
        .tcp_nodelay(true)
        .build()
        .expect("the TLS provider is compiled in")
}

/// The headers that tie a call to the request and trace on whose behalf it is made.
#[must_use]
pub fn context_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    crate::telemetry::inject(&mut headers);
    if let Some(id) = RequestId::current().and_then(|id| id.as_str().parse().ok()) {
        headers.insert(REQUEST_ID, id);
    }
    headers
}
