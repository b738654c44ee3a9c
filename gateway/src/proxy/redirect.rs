//! `/r/{code}` → `/{code}` of shortener. The busiest route: no token, no Redis, no log line, no JSON.

use super::headers::strip_request;
use super::respond;
use crate::clients::shortener::is_code;
use crate::limits::subscriber;
use crate::origin::{FORWARDED_FOR, client_address};
use crate::upstream::Upstream;
use crate::upstream::call::{Call, Class, Reply};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use chassis::http::{Failure, REQUEST_ID, Reader, RequestId};
use contracts::problem::{Code, Problem};
use http::{HeaderMap, HeaderValue, Method};
use percent_encoding::percent_decode_str;

/// Paths of shortener that look like codes.
const NOT_CODES: [&str; 3] = ["metrics", "health", "v1"];

/// `GET` and `HEAD /r/{code}`, and a 404 page for incomplete and overlong addresses.
pub fn routes(shortener: Upstream) -> Router {
    let nowhere = || get(async |headers: HeaderMap| Reader::of(&headers).answer(no_such_link()));
    let routes = Router::new().route("/r/{code}", get(redirect)).with_state(shortener);
    routes.route("/r/{code}/{*more}", nowhere()).route("/r/{code}/", nowhere()).route("/", nowhere())
}

/// Redirects to the target of a short link.
#[utoipa::path(get, path = "/r/{code}", tag = "public", params(("code" = String, Path)), responses(
    (status = "3XX", description = "To the link's target, with the status that its owner chose."),
    (status = 404, description = "`not_found`. Browsers get a page.", body = Problem, content_type = "application/problem+json"),
    (status = 410, description = "`gone`: expired, used up or disabled. Browsers get a page.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`unavailable`. Browsers get a page.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn redirect(State(shortener): State<Upstream>, request: Request) -> Response {
    let uri = request.uri();
    // Percent-encoded unreserved characters are equivalent to plain ones (RFC 3986, 6.2.2.2).
    let code = percent_decode_str(uri.path().strip_prefix("/r/").unwrap_or_default()).decode_utf8_lossy();
    if !is_code(&code) || NOT_CODES.contains(&&*code) {
        return Reader::of(request.headers()).answer(no_such_link());
    }
    let path = match uri.query() {
        Some(query) => format!("/{code}?{query}"),
        None => format!("/{code}"),
    };
    let (mut parts, _) = request.into_parts();
    let method = if parts.method == Method::HEAD { Method::HEAD } else { Method::GET };
    let mut call = Call::new(method, path);
    (call.class, call.reply) = (Class::Redirect, Reply::Stream);
    // Each redirect counts a click, so a retry could count two.
    call.idempotent = false;
    let address = client_address(&mut parts).await;
    call.caller = subscriber(address).into();
    let reader = Reader::of(&parts.headers);
    call.headers = parts.headers;
    strip_request(&mut call.headers);
    if let Ok(value) = HeaderValue::try_from(address.to_string()) {
        call.headers.insert(FORWARDED_FOR, value);
    }
    if let Some(id) = RequestId::current() {
        call.headers.insert(REQUEST_ID, id.to_header());
    }
    match shortener.call(call).await {
        Ok(answer) => respond(answer.status, answer.headers, answer.body.into()),
        Err(error) => reader.answer(error.into_failure(shortener.name())),
    }
}

fn no_such_link() -> Failure {
    Failure::new(Code::NotFound, "There is no such link.")
}
