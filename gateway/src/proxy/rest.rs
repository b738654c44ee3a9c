//! `/api/<service>/…` → `/…` of the service.

use super::headers::strip_request;
use super::respond;
use crate::config;
use crate::graphql::http::Live;
use crate::origin::Origin;
use crate::upstream::call::{Payload, Reply, UpstreamResponse};
use crate::upstream::error::UpstreamError;
use crate::upstream::upload::Upload;
use crate::upstream::{Upstream, Upstreams};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::{Bytes, BytesMut};
use chassis::http::{Failure, log_fields};
use contracts::problem::Code;
use futures::{StreamExt, stream};
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::time::sleep_until;

/// The largest body that is read before the call, in bytes.
const SMALL: usize = 64 * 1024;

#[derive(Clone)]
struct Proxy {
    upstreams: Upstreams,
    config: config::Proxy,
    live: Live,
}

pub fn routes(upstreams: Upstreams, config: config::Proxy, live: Live) -> Router {
    let proxy = Proxy { upstreams, config, live };
    Router::new().route("/api/{service}/{*rest}", any(forward)).with_state(proxy)
}

async fn forward(State(proxy): State<Proxy>, origin: Origin, request: Request) -> Response {
    let nothing = || Failure::new(Code::NotFound, "There is nothing at this address.").into_response();
    let Some((upstream, path)) = proxy.find(request.uri()) else { return nothing() };
    log_fields::add("upstream", upstream.name());
    let (parts, body) = request.into_parts();
    let mut call = origin.call(parts.method.clone(), path);
    call.headers = headers(parts.headers, &origin);
    call.reply = Reply::Stream;
    if !parts.method.is_safe() {
        call.patience = Some(upstream.config().write_deadline());
    }
    call.payload = match receive(body, proxy.config.body_limit).await {
        Ok(payload) => payload,
        Err(error) => return error.into_failure(upstream.name()).into_response(),
    };
    // The second response to a deletion would be 404.
    call.idempotent &= parts.method != Method::DELETE;
    match upstream.call(call).await {
        Ok(answer) => proxy.respond(answer, &origin).await,
        Err(error) => error.into_failure(upstream.name()).into_response(),
    }
}

/// Reads a small body before the call, so that a slow client takes no place in the bulkhead.
async fn receive(body: Body, limit: usize) -> Result<Payload, UpstreamError> {
    if body.is_end_stream() {
        return Ok(Payload::Whole(Bytes::new()));
    }
    match body.size_hint().exact() {
        Some(length) if length > limit as u64 => Err(UpstreamError::TooLarge),
        Some(length) if length <= SMALL as u64 => {
            let whole = to_bytes(body, SMALL).await.map_err(|_| UpstreamError::NoUpload)?;
            Ok(Payload::Whole(whole))
        }
        Some(_) => Ok(Payload::Stream(Upload::new(body, limit))),
        None => begin(body, limit).await,
    }
}

/// Reads a body of unknown length: all of it if it is small, or else its beginning, followed by a stream of the rest.
async fn begin(mut body: Body, limit: usize) -> Result<Payload, UpstreamError> {
    let mut beginning = BytesMut::new();
    while beginning.len() <= SMALL {
        let Some(frame) = body.frame().await else {
            let is_too_large = beginning.len() > limit;
            return if is_too_large { Err(UpstreamError::TooLarge) } else { Ok(Payload::Whole(beginning.freeze())) };
        };
        let frame = frame.map_err(|_| UpstreamError::NoUpload)?;
        // Trailers are dropped.
        if let Ok(piece) = frame.into_data() {
            beginning.extend_from_slice(&piece);
        }
    }
    let beginning = stream::once(std::future::ready(Ok(beginning.freeze())));
    let whole = Body::from_stream(beginning.chain(body.into_data_stream()));
    Ok(Payload::Stream(Upload::new(whole, limit)))
}

impl Proxy {
    /// Finds the upstream and the path there. Paths that the upstream could read differently are refused.
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

    async fn respond(&self, answer: UpstreamResponse, origin: &Origin) -> Response {
        let (is_live, body) = (answer.is_live(), Body::from(answer.body));
        let body = if is_live {
            let permit = match self.live.admit(origin) {
                Ok(permit) => permit,
                Err(failure) => return failure.into_response(),
            };
            // A stream of events has no end of its own. It ends with the token, or when the gateway stops.
            let end = self.live.end_of(origin.caller.as_ref()).await;
            let shutdown = self.live.shutdown.clone();
            let over = Box::pin(async move { shutdown.run_until_cancelled(sleep_until(end)).await });
            Body::from_stream(body.into_data_stream().take_until(over).map(move |piece| {
                let _held = &permit;
                piece
            }))
        } else {
            body
        };
        respond(answer.status, answer.headers, body)
    }
}

fn headers(mut headers: HeaderMap, origin: &Origin) -> HeaderMap {
    strip_request(&mut headers);
    headers.extend(origin.headers().clone());
    headers
}

/// Whether all URL parsers read the path in the same way.
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
