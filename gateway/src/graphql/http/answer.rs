//! What a GraphQL request is answered.

use std::collections::HashSet;

use async_graphql::{ErrorExtensionValues, PathSegment, ServerError, Value};
use axum::response::{IntoResponse, Response};
use chassis::http::{RequestId, facts};
use contracts::problem::Code;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::super::guard::Refused;
use super::media::Media;

#[derive(Serialize)]
struct Body<'a> {
    /// Absent, rather than null, where nothing was executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
}

/// Answers what the execution came to.
pub(super) fn reply(media: Media, mut response: async_graphql::Response) -> Response {
    // Errors of fields have a path. What has none is about the document or its variables: nothing was executed.
    let executed = response.errors.iter().all(|error| !error.path.is_empty());
    for error in &mut response.errors {
        complete(error, Code::ValidationFailed);
    }
    tell_once(&mut response);
    if executed {
        return send(media, StatusCode::OK, Some(&response.data), &response.errors);
    }
    send(media, request_error(media), None, &response.errors)
}

/// Keeps one error of those that made the same object null (GraphQL specification, 6.4.4): twenty links of whose
/// statistics six fields were asked for are twenty errors, and not 120.
fn tell_once(response: &mut async_graphql::Response) {
    let mut told = HashSet::new();
    let data = &response.data;
    response.errors.retain(|error| {
        let Some((_, parent)) = error.path.split_last() else { return true };
        if find(data, parent).is_some_and(|value| *value != Value::Null) {
            return true;
        }
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        told.insert(format!("{parent:?} {code:?}"))
    });
}

/// Finds what stands at a path; nothing where the path leads through a null.
fn find<'a>(data: &'a Value, path: &[PathSegment]) -> Option<&'a Value> {
    path.iter().try_fold(data, |value, segment| match (value, segment) {
        (Value::Object(fields), PathSegment::Field(name)) => fields.get(name.as_str()),
        (Value::List(items), PathSegment::Index(index)) => items.get(*index),
        _ => None,
    })
}

/// Refuses what is not a GraphQL request: 400, whatever the client accepts.
pub(super) fn refuse(media: Media, message: String) -> Response {
    send(media, StatusCode::BAD_REQUEST, None, &[error(message, Code::MalformedRequest)])
}

/// Refuses a document.
pub(super) fn refuse_document(media: Media, refused: &Refused) -> Response {
    send(media, request_error(media), None, &[error(refused.message(), refused.code())])
}

/// Refuses variables that do not fit the document.
pub(super) fn refuse_variables(media: Media, message: String) -> Response {
    send(media, request_error(media), None, &[error(message, Code::ValidationFailed)])
}

/// The status of a request that is well-formed HTTP and bad GraphQL.
const fn request_error(media: Media) -> StatusCode {
    match media {
        Media::Graphql => StatusCode::BAD_REQUEST,
        Media::Json => StatusCode::OK,
    }
}

fn error(message: String, code: Code) -> ServerError {
    let mut error = ServerError::new(message, None);
    complete(&mut error, code);
    error
}

/// Gives an error all the extensions that clients may rely on.
fn complete(error: &mut ServerError, usual: Code) {
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    for (name, value) in
        [("code", Value::from(usual.as_str())), ("service", Value::from("gateway")), ("retryAfterMs", Value::Null)]
    {
        if extensions.get(name).is_none() {
            extensions.set(name, value);
        }
    }
    let id = RequestId::current();
    extensions.set("requestId", id.map_or(Value::Null, |id| id.as_str().into()));
}

fn send(media: Media, status: StatusCode, data: Option<&Value>, errors: &[ServerError]) -> Response {
    if let Some(code) = errors.first().and_then(|error| error.extensions.as_ref()?.get("code")) {
        facts::note("graphql.error", code.to_string().trim_matches('"'));
        facts::note("graphql.errors", errors.len());
    }
    match serde_json::to_vec(&Body { data, errors }) {
        Ok(body) => {
            let mut response = (status, body).into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => chassis::http::Failure::internal(error).into_response(),
    }
}
