//! The hot path: `GET /{code}`.
//!
//! It writes no log line (counters tell how many, the spool tells which), waits for no database but for codes that are
//! not in memory and links with a limit, and answers nothing before the click is written down.

use crate::domain::ShortCode;
use crate::lookup::{Lookup, Resolution, Target};
use crate::metrics;
use crate::spool::{Line, Spool};
use crate::store::Links;
use crate::visitor::{Countries, Visitors, language, referrer, user_agent};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, LOCATION, REFERER, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use chassis::http::{ClientAddr, Failure, FastPath, Reader};
use chrono::Utc;
use contracts::problem::{Code, Problem};
use futures::future::BoxFuture;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Redirects are for their visitor alone: a copy kept on the redirect would be a click not counted.
const NOT_KEPT: HeaderValue = HeaderValue::from_static("private, no-store");
/// How long a grant of a limited link may take.
const GRANT_LIMIT: Duration = Duration::from_secs(5);
/// When to come again after a 503.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// How browsers say that they fetch ahead: by the Fetch standard, and as Safari and old Firefox do.
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
const PURPOSE: HeaderName = HeaderName::from_static("purpose");
const X_MOZ: HeaderName = HeaderName::from_static("x-moz");

/// What redirects need.
pub struct Redirects {
    /// Finds where codes lead.
    pub lookup: Lookup,
    /// Grants the redirects of links with limits.
    pub links: Links,
    /// Hashes visitors.
    pub visitors: Visitors,
    /// Finds countries of addresses.
    pub countries: Countries,
    /// Takes clicks.
    pub spool: Spool,
    /// Counts.
    pub metrics: metrics::Redirects,
}

/// Where a visitor is sent.
struct Redirect {
    location: HeaderValue,
    status: StatusCode,
    is_fallback: bool,
}

/// Leads a visitor to a link's target, and counts the click.
#[utoipa::path(
    get, path = "/{code}", tag = "redirects",
    params(("code" = String, Path, description = "The link's code.")),
    responses(
        (status = 301, description = "To the target, for links with this status."),
        (status = 302, description = "To the target (the usual status), or to the fallback of a link that is expired or used up.", headers(("Location" = String, description = "The target."))),
        (status = 307, description = "To the target, for links with this status."),
        (status = 308, description = "To the target, for links with this status."),
        (status = 403, description = "`forbidden`: a browser fetches ahead (`Sec-Purpose: prefetch`, `Purpose: preview`). No click.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is no such code. A page for browsers.", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "`gone`: expired, used up or deleted. A page for browsers.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the click cannot be written down, or the link not be found, at the moment.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn redirect(
    State(redirects): State<Arc<Redirects>>,
    ClientAddr(address): ClientAddr,
    request: Request,
) -> Response {
    redirects.follow(address, request).await
}

impl FastPath for Redirects {
    fn takes(&self, request: &Request) -> bool {
        // Words of our own are no codes, but `/metrics` looks like one.
        let code = request.uri().path().strip_prefix('/').and_then(|code| ShortCode::parse(code).ok());
        request.method() == Method::GET && code.is_some_and(|code| code.as_str() != "metrics")
    }

    fn answer(self: Arc<Self>, client: IpAddr, request: Request) -> BoxFuture<'static, Response> {
        Box::pin(async move { self.follow(client, request).await })
    }
}

/// Tells what `GET` would answer. Is no click, and takes nothing from a limit.
#[utoipa::path(
    head, path = "/{code}", tag = "redirects",
    params(("code" = String, Path, description = "The link's code.")),
    responses(
        (status = 302, description = "As `GET`."),
        (status = 404, description = "As `GET`."),
        (status = 410, description = "As `GET`."),
        (status = 503, description = "As `GET`."),
    ),
)]
#[expect(dead_code, reason = "axum routes HEAD to GET's handler; this describes it")]
pub(super) fn redirect_head() {}

fn respond(redirect: Redirect) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = redirect.status;
    let headers = response.headers_mut();
    headers.insert(LOCATION, redirect.location);
    headers.insert(CACHE_CONTROL, NOT_KEPT);
    response
}

impl Redirects {
    async fn follow(&self, address: IpAddr, request: Request) -> Response {
        let began = Instant::now();
        let (headers, uri) = (request.headers(), request.uri());
        let is_click = request.method() != Method::HEAD;
        let found = match is_fetched_ahead(headers) {
            true => Err(Failure::new(Code::Forbidden, "Short links must not be fetched ahead of a visit.")),
            false => self.lead(address, headers, uri, is_click).await,
        };
        let response = match found {
            Ok(redirect) => respond(redirect),
            Err(failure) => Reader::of(headers).answer(failure),
        };
        self.metrics.duration.record(began.elapsed());
        response
    }

    /// Finds the redirect for a request and, where it is a click, writes it down.
    async fn lead(&self, address: IpAddr, headers: &HeaderMap, uri: &Uri, is_click: bool) -> Result<Redirect, Failure> {
        let Ok(code) = ShortCode::from_path(uri.path().trim_start_matches('/')) else {
            return Err(self.unknown());
        };
        let entry = self
            .lookup
            .find(code)
            .await
            .map_err(|cause| self.refuse("Links cannot be looked up at the moment.", anyhow::anyhow!("{cause}")))?;
        let target = match &entry.resolution {
            Resolution::Unknown => return Err(self.unknown()),
            Resolution::Deleted => return Err(self.gone()),
            Resolution::Target(target) => target,
        };
        let now_ms = Utc::now().timestamp_millis();
        let redirect = match self.is_open(target, now_ms, is_click).await? {
            true => Redirect { location: forward(target, uri.query()), status: target.status, is_fallback: false },
            false => {
                let location = target.fallback.clone().ok_or_else(|| self.gone())?;
                Redirect { location, status: StatusCode::FOUND, is_fallback: true }
            }
        };
        if !is_click {
            self.metrics.head.increment(1);
            return Ok(redirect);
        }
        self.write_down(target, now_ms, address, headers)?;
        let counter = if redirect.is_fallback { &self.metrics.fallback } else { &self.metrics.redirected };
        counter.increment(1);
        Ok(redirect)
    }

    /// Whether the link leads to its target: not expired, and, with a limit, a redirect granted.
    async fn is_open(&self, target: &Target, now_ms: i64, is_click: bool) -> Result<bool, Failure> {
        if target.expires_at_ms <= now_ms {
            return Ok(false);
        }
        if !target.is_limited {
            return Ok(true);
        }
        if target.is_used_up() {
            return Ok(false);
        }
        // In a box, so that redirects that need no grant are small.
        Box::pin(self.is_granted(target, is_click)).await
    }

    /// Has a redirect granted, or, for what is no click, tells whether one would be.
    async fn is_granted(&self, target: &Target, is_click: bool) -> Result<bool, Failure> {
        let asked =
            async { if is_click { self.links.grant(target.id).await } else { self.links.has_left(target.id).await } };
        let is_open = match timeout(GRANT_LIMIT, asked).await {
            Ok(Ok(is_open)) => is_open,
            Ok(Err(error)) if !mongo::is_away(&error) => return Err(Failure::internal(error)),
            Ok(Err(error)) => return Err(self.refuse(UNCOUNTABLE, error.into())),
            Err(late) => return Err(self.refuse(UNCOUNTABLE, late.into())),
        };
        if !is_open {
            target.note_used_up();
        }
        Ok(is_open)
    }

    /// Appends the click to the spool.
    fn write_down(&self, target: &Target, now_ms: i64, address: IpAddr, headers: &HeaderMap) -> Result<(), Failure> {
        let agent = headers.get(USER_AGENT).map(user_agent);
        let visitor = self.visitors.hash(now_ms, target.id, address, agent.as_deref().unwrap_or_default());
        let referrer = headers.get(REFERER).and_then(referrer);
        let language = headers.get(ACCEPT_LANGUAGE).and_then(language);
        let line = Line {
            url_id: ascii(&target.id_text),
            clicked_at_ms: now_ms,
            visitor: ascii(&visitor),
            referrer: referrer.as_deref(),
            user_agent: agent.as_deref(),
            country: self.countries.of(address),
            language: language.as_deref(),
        };
        self.spool
            .append(&line)
            .map(drop)
            .map_err(|error| self.refuse("Clicks cannot be counted at the moment: try again.", error.into()))
    }

    #[cold]
    fn unknown(&self) -> Failure {
        self.metrics.unknown.increment(1);
        Failure::new(Code::NotFound, "Unknown link code.")
    }

    #[cold]
    fn gone(&self) -> Failure {
        self.metrics.gone.increment(1);
        Failure::new(Code::Gone, "This link has expired, was used up, or was deleted.")
    }

    #[cold]
    fn refuse(&self, detail: &str, cause: anyhow::Error) -> Failure {
        self.metrics.refused.increment(1);
        Failure::unavailable(detail, cause).retry_after(COME_AGAIN)
    }
}

/// Whether a browser asks before anybody has followed the link. Answered with its target, it would show the target later
/// without asking again: a click not counted, or a link for one use open to a second.
fn is_fetched_ahead(headers: &HeaderMap) -> bool {
    let says = |name, word: &str| {
        let value = headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        value.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    };
    says(SEC_PURPOSE, "prefetch") || says(PURPOSE, "prefetch") || says(PURPOSE, "preview") || says(X_MOZ, "prefetch")
}

/// What is told where a limit cannot be checked: answering all the same could overshoot it.
const UNCOUNTABLE: &str = "This link's clicks cannot be counted at the moment.";

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The target, with the request's query where that is wanted.
fn forward(target: &Target, query: Option<&str>) -> HeaderValue {
    match query {
        Some(query) if target.forward_query && !query.is_empty() => {
            let location = ascii(target.location.as_bytes());
            let joined = join(location, query);
            HeaderValue::from_str(&joined).unwrap_or_else(|_| target.location.clone())
        }
        _ => target.location.clone(),
    }
}

/// Adds a query to an address that may have one, before its fragment.
fn join(address: &str, query: &str) -> String {
    let (address, fragment) = match address.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (address, None),
    };
    let between = match address.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    let mut joined = [address, between, query].concat();
    if let Some(fragment) = fragment {
        joined.push('#');
        joined.push_str(fragment);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("https://a.example/x", "https://a.example/x?b=1")]
    #[case("https://a.example/x?", "https://a.example/x?b=1")]
    #[case("https://a.example/x?c=2", "https://a.example/x?c=2&b=1")]
    #[case("https://a.example/x?c=2#end", "https://a.example/x?c=2&b=1#end")]
    #[case("https://a.example/#a?b", "https://a.example/?b=1#a?b")]
    fn a_query_is_added_to_the_targets(#[case] address: &str, #[case] expected: &str) {
        assert_eq!(join(address, "b=1"), expected);
    }

    #[rstest]
    #[case("sec-purpose", "prefetch", true)]
    #[case("sec-purpose", "prefetch;prerender", true)]
    #[case("purpose", "preview", true)]
    #[case("purpose", "prefetch", true)]
    #[case("x-moz", "Prefetch", true)]
    #[case("sec-purpose", "", false)]
    #[case("sec-fetch-mode", "navigate", false)]
    fn browsers_say_that_they_fetch_ahead(#[case] name: &'static str, #[case] value: &str, #[case] expected: bool) {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())]);
        assert_eq!(is_fetched_ahead(&headers), expected);
    }
}
