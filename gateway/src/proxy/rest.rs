//! `/api/<service>/…` → `/…` of the service.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use chassis::http::{Failure, facts};
use contracts::problem::Code;
use futures::StreamExt;
use http::{HeaderMap, Method};
use hyper::body::Body as _;
use tokio_util::sync::CancellationToken;

use super::headers::{strip_answer, strip_request};
use crate::config;
use crate::origin::Origin;
use crate::upstream::call::{Answer, AnswerBody, Payload, Reply};
use crate::upstream::upload::Upload;
use crate::upstream::{Upstream, Upstreams};

#[derive(Clone)]
struct Proxy {
    upstreams: Upstreams,
    config: config::Proxy,
    shutdown: CancellationToken,
}

/// `/api/<service>/…`. Live streams end when `shutdown` is cancelled.
pub fn routes(upstreams: Upstreams, config: config::Proxy, shutdown: CancellationToken) -> Router {
    let proxy = Proxy { upstreams, config, shutdown };
    Router::new().route("/api/{service}/{*rest}", any(forward)).with_state(proxy)
}

async fn forward(State(proxy): State<Proxy>, origin: Origin, request: Request) -> Response {
    let nothing = || Failure::new(Code::NotFound, "There is nothing at this address.").into_response();
    let Some((upstream, path)) = proxy.find(request.uri()) else { return nothing() };
    facts::note("upstream", upstream.name());
    let (parts, body) = request.into_parts();
    let mut call = origin.call(parts.method.clone(), path);
    call.headers = headers(parts.headers, &origin);
    call.reply = Reply::Stream;
    if body.is_end_stream() {
        call.payload = Payload::Whole(Bytes::new());
    } else {
        call.payload = Payload::Stream(Upload::new(body, proxy.config.body_limit));
        call.deadline = Some(Duration::from_millis(proxy.config.write_deadline_ms));
    }
    // A service that has been asked to delete may answer a second request that there is nothing.
    call.idempotent &= parts.method != Method::DELETE;
    match upstream.call(call).await {
        Ok(answer) => proxy.respond(answer),
        Err(error) => error.into_failure(upstream.name()).into_response(),
    }
}

impl Proxy {
    /// Finds the upstream that a path names, and its path there. Paths that could mean something else to the upstream
    /// than to us name nothing.
    fn find(&self, uri: &http::Uri) -> Option<(&Upstream, String)> {
        let (name, rest) = uri.path().strip_prefix("/api/")?.split_once('/')?;
        let upstream = self.upstreams.get(name)?;
        let path = format!("/{rest}");
        if !is_plain(&path) || !upstream.config().is_public(&path) {
            return None;
        }
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some((upstream, path + &query))
    }

    fn respond(&self, answer: Answer) -> Response {
        let is_live = answer.is_live();
        let Answer { status, mut headers, body } = answer;
        strip_answer(&mut headers);
        let body = match body {
            AnswerBody::Whole(bytes) => Body::from(bytes),
            AnswerBody::Stream(body) if is_live => {
                // A live stream has no end of its own; it must not hold up ours.
                let end = self.shutdown.clone().cancelled_owned();
                Body::from_stream(body.into_data_stream().take_until(Box::pin(end)))
            }
            AnswerBody::Stream(body) => body,
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

fn headers(mut headers: HeaderMap, origin: &Origin) -> HeaderMap {
    strip_request(&mut headers);
    headers.extend(origin.headers().clone());
    headers
}

/// Whether no part of the path is one that URL parsers resolve or decode differently.
fn is_plain(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let has_coded_separator = ["%2f", "%5c", "%00", "\\"].iter().any(|coded| path.contains(coded));
    let steps = path.split('/').skip(1).map(|segment| segment.replace("%2e", "."));
    !has_coded_separator && steps.into_iter().all(|segment| !matches!(&*segment, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for good in ["/v1/links", "/v1/links/a.b", "/.well-known/jwks.json", "/v1/links/%C3%A4", "/v1/..."] {
            assert!(is_plain(good), "{good}");
        }
        for bad in [
            "/v1/../metrics",
            "/v1/%2e%2E/metrics",
            "/v1/.%2e/metrics",
            "/v1/..%2fmetrics",
            "/v1/./x",
            "/v1//x",
            "/v1/a%5Cb",
            "/v1/a\\b",
            "/v1/",
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
