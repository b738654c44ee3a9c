//! Content codings of requests: none is taken.

use super::Failure;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use contracts::problem::Code;
use http::HeaderValue;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use hyper::body::Body as _;

/// Whether a request has a body in a content coding. Read as if it were plain, such a body is at best nonsense.
pub(super) fn is_refused(request: &Request) -> bool {
    let mut values = request.headers().get_all(CONTENT_ENCODING).iter();
    !values.all(is_plain) && !request.body().is_end_stream()
}

/// Refuses it, with the codings that would have been taken (RFC 9110, 15.5.16).
pub(super) fn refusal() -> Response {
    let mut response =
        Failure::new(Code::UnsupportedMediaType, "Send the body without a Content-Encoding.").into_response();
    response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    response
}

fn is_plain(value: &HeaderValue) -> bool {
    let codings = value.to_str().map(|text| text.split(',').map(str::trim));
    codings.is_ok_and(|mut all| all.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity")))
}
