//! `/v1/links`: the owner's links.

use crate::app::Catalogue;
use crate::domain::ShortCode;
use crate::error::Error;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::http::{Failure, IdempotencyKey, Json, Path, Query, log_fields};
use chassis::jwt::Caller;
use contracts::problem::Problem;
use contracts::rest::shortener::{
    BATCH_LIMIT, BULK_LIMIT, CreateLink, CreateLinks, CreateLinksResults, Link, LinkPage, Links, LinksBatch, ListLinks,
    UpdateLink,
};

/// Makes a link.
#[utoipa::path(
    post, path = "/v1/links", tag = "links", security(("bearer" = [])), request_body = CreateLink,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters. The same request with the same key makes one link and is answered alike for 72 hours.")),
    responses(
        (status = 201, description = "The link was made.", body = Link, headers(("ETag" = String, description = "The link's version."), ("Location" = String, description = "The link's address."))),
        (status = 400, description = "`validation_failed`, with the fields, or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`code_taken` or `idempotency_in_progress`.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_mismatch`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create(
    State(catalogue): State<Catalogue>,
    caller: Caller,
    headers: HeaderMap,
    Json(body): Json<CreateLink>,
) -> Result<Response, Failure> {
    let link = catalogue.create(caller.user_id, &body, key(&headers)?).await?;
    log_fields::add("link.code", link.code.clone());
    let location = HeaderValue::from_str(&format!("/v1/links/{}", link.code)).map_err(Failure::internal)?;
    let mut response = (StatusCode::CREATED, versioned(link)).into_response();
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// Makes up to 5,000 links; each succeeds or fails by itself.
#[utoipa::path(
    post, path = "/v1/links/bulk", tag = "links", security(("bearer" = [])), request_body = CreateLinks,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters. The same request with the same key makes each link once, and is answered alike for 72 hours; links that could not be made for want of a store are tried again.")),
    responses(
        (status = 200, description = "A result per item, in the order of the request.", body = CreateLinksResults),
        (status = 400, description = "`validation_failed` when there are too few or too many, or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`idempotency_in_progress`.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_mismatch`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`: nothing was made.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_many(
    State(catalogue): State<Catalogue>,
    caller: Caller,
    headers: HeaderMap,
    Json(body): Json<CreateLinks>,
) -> Result<Json<CreateLinksResults>, Failure> {
    if !(1..=BULK_LIMIT).contains(&body.links.len()) {
        return Err(Failure::field("links", format!("must have 1 to {BULK_LIMIT} entries")));
    }
    let results = catalogue.create_many(caller.user_id, &body.links, key(&headers)?).await?;
    log_fields::add("links.asked", results.len());
    log_fields::add("links.made", results.iter().filter(|result| result.link.is_some()).count());
    Ok(Json(CreateLinksResults { results }))
}

/// Lists the caller's links, newest first.
#[utoipa::path(
    get, path = "/v1/links", tag = "links", security(("bearer" = [])), params(ListLinks),
    responses(
        (status = 200, description = "A page of links.", body = LinkPage),
        (status = 400, description = "`validation_failed`, with the fields, or `invalid_cursor`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    State(catalogue): State<Catalogue>,
    caller: Caller,
    Query(request): Query<ListLinks>,
) -> Result<Response, Failure> {
    let page = catalogue.list(caller.user_id, &request).await?;
    Ok(([(CACHE_CONTROL, PRIVATE)], Json(page)).into_response())
}

/// Tells up to 100 of the caller's links, by their codes or ids.
#[utoipa::path(
    post, path = "/v1/links/batch", tag = "links", security(("bearer" = [])), request_body = LinksBatch,
    responses(
        (status = 200, description = "The links, in no order; of codes and ids that name none of the caller's, nothing.", body = Links),
        (status = 400, description = "`validation_failed` when there are too few or too many, or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn batch(
    State(catalogue): State<Catalogue>,
    caller: Caller,
    Json(body): Json<LinksBatch>,
) -> Result<Response, Failure> {
    if !(1..=BATCH_LIMIT).contains(&(body.codes.len() + body.ids.len())) {
        return Err(Failure::field("codes", format!("must have 1 to {BATCH_LIMIT} entries, together with the ids")));
    }
    // What cannot be a code names no link.
    let codes: Vec<ShortCode> = body.codes.iter().filter_map(|code| ShortCode::parse(code).ok()).collect();
    let links = catalogue.read_many(caller.user_id, &codes, &body.ids).await?;
    Ok(([(CACHE_CONTROL, PRIVATE)], Json(links)).into_response())
}

/// Tells one of the caller's links.
#[utoipa::path(
    get, path = "/v1/links/{code}", tag = "links", security(("bearer" = [])),
    params(("code" = String, Path, description = "The link's code.")),
    responses(
        (status = 200, description = "The link.", body = Link, headers(("ETag" = String, description = "The link's version."))),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is none, it was deleted, or it is not the caller's.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn read(
    State(catalogue): State<Catalogue>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<Response, Failure> {
    Ok(versioned(catalogue.read(caller.user_id, known(&code)?).await?))
}

/// Changes one of the caller's links (JSON merge patch, RFC 7396).
#[utoipa::path(
    patch, path = "/v1/links/{code}", tag = "links", security(("bearer" = [])), request_body = UpdateLink,
    params(
        ("code" = String, Path, description = "The link's code."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the link must still have."),
    ),
    responses(
        (status = 200, description = "The link as it is now.", body = Link, headers(("ETag" = String, description = "The link's version."))),
        (status = 400, description = "`validation_failed`, with the fields, or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is none, it was deleted, or it is not the caller's.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: the link is not what `If-Match` says.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn change(
    State(catalogue): State<Catalogue>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
    Json(body): Json<UpdateLink>,
) -> Result<Response, Failure> {
    let expected = expected(&headers)?;
    Ok(versioned(catalogue.change(caller.user_id, known(&code)?, &body, expected).await?))
}

/// Deletes one of the caller's links. Its code is never given out again.
#[utoipa::path(
    delete, path = "/v1/links/{code}", tag = "links", security(("bearer" = [])),
    params(
        ("code" = String, Path, description = "The link's code."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the link must still have."),
    ),
    responses(
        (status = 204, description = "It was deleted."),
        (status = 400, description = "`validation_failed` when `If-Match` is not an ETag of ours.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is none, it was deleted, or it is not the caller's.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: the link is not what `If-Match` says.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn remove(
    State(catalogue): State<Catalogue>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let expected = expected(&headers)?;
    catalogue.remove(caller.user_id, known(&code)?, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Failure> {
    IdempotencyKey::of(headers).transpose().map_err(|why| Failure::field("Idempotency-Key", why))
}

/// Answers of owners stay with them.
pub(super) const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The code; one that cannot be a code names no link.
pub(super) fn known(code: &str) -> Result<ShortCode, Error> {
    ShortCode::parse(code).map_err(|_| Error::NotFound)
}

/// A link with its version as `ETag`.
fn versioned(link: Link) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", link.version));
    let mut response = ([(CACHE_CONTROL, PRIVATE)], Json(link)).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The version that `If-Match` names; `*` is any.
fn expected(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let version = version.and_then(|text| text.parse().ok());
    let refused = || Failure::field("If-Match", "must be an ETag of the link");
    version.map(Some).ok_or_else(refused)
}
