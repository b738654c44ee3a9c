//! Responses to GraphQL requests.

use super::super::plan::Fault;
use super::media::Media;
use super::persisted;
use super::prepare::RequestError;
use async_graphql::{ErrorExtensionValues, PathSegment, ServerError, Value};
use axum::response::{IntoResponse, Response};
use chassis::http::{RequestId, log_fields};
use contracts::problem::Code;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use std::collections::HashSet;

/// A response whose errors have all the extensions that clients rely on.
#[derive(Debug, Serialize)]
pub(super) struct GraphqlResponse {
    /// Absent, not null, if nothing was executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ServerError>,
}

impl GraphqlResponse {
    pub(super) fn of(mut response: async_graphql::Response, id: Option<&RequestId>) -> Self {
        // Errors without a path are request errors: nothing was executed.
        let executed = response.errors.iter().all(|error| !error.path.is_empty());
        for error in &mut response.errors {
            complete(error, Code::ValidationFailed, id);
        }
        tell_once(&mut response);
        Self { data: executed.then_some(response.data), errors: response.errors }
    }

    pub(super) fn refused(why: RequestError, id: Option<&RequestId>) -> Self {
        let error = |fault: Fault| {
            let mut error = ServerError::new(fault.message, fault.location);
            complete(&mut error, why.code, id);
            let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
            if let Some(wait) = why.retry_after_ms {
                extensions.set("retryAfterMs", wait);
            }
            if let Some(name) = why.name {
                extensions.set("code", name);
            }
            error
        };
        Self { data: None, errors: why.faults.into_iter().map(error).collect() }
    }

    /// Returns the request errors; `None` if something was executed.
    pub(super) fn request_errors(&self) -> Option<&[ServerError]> {
        self.data.is_none().then_some(&self.errors)
    }

    /// Adds the first error to the log line.
    fn note(&self) {
        if let Some(code) = self.errors.first().and_then(|error| error.extensions.as_ref()?.get("code")) {
            log_fields::add("graphql.error", code.to_string().trim_matches('"'));
            log_fields::add("graphql.errors", self.errors.len());
        }
    }
}

/// Responds with the result of an execution.
pub(super) fn reply(media: Media, response: async_graphql::Response) -> Response {
    let response = GraphqlResponse::of(response, RequestId::current().as_ref());
    let status = if response.request_errors().is_some() { status_of_request_error(media) } else { StatusCode::OK };
    send(media, status, &response)
}

/// Refuses malformed parameters: 400 for every media type.
pub(super) fn refuse_parameters(media: Media, message: String) -> Response {
    let error = RequestError::new(message, Code::MalformedRequest);
    send(media, StatusCode::BAD_REQUEST, &GraphqlResponse::refused(error, RequestId::current().as_ref()))
}

/// Refuses a document or its variables.
pub(super) fn refuse(media: Media, error: RequestError) -> Response {
    // Apollo's server responds 200, because the client sends the document next.
    let status = if error.name == Some(persisted::NOT_FOUND) { StatusCode::OK } else { status_of_request_error(media) };
    send(media, status, &GraphqlResponse::refused(error, RequestId::current().as_ref()))
}

/// Keeps one of the errors that made the same object null (GraphQL specification, 6.4.4): six failed fields of twenty
/// links are 20 errors, not 120.
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

/// Finds the value at a path; `None` behind a null.
fn find<'a>(data: &'a Value, path: &[PathSegment]) -> Option<&'a Value> {
    path.iter().try_fold(data, |value, segment| match (value, segment) {
        (Value::Object(fields), PathSegment::Field(name)) => fields.get(name.as_str()),
        (Value::List(items), PathSegment::Index(index)) => items.get(*index),
        _ => None,
    })
}

const fn status_of_request_error(media: Media) -> StatusCode {
    match media {
        Media::Graphql => StatusCode::BAD_REQUEST,
        Media::Json => StatusCode::OK,
    }
}

/// Adds the extensions that clients rely on.
fn complete(error: &mut ServerError, usual: Code, id: Option<&RequestId>) {
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    for (name, value) in
        [("code", Value::from(usual.as_str())), ("service", Value::from("gateway")), ("retryAfterMs", Value::Null)]
    {
        if extensions.get(name).is_none() {
            extensions.set(name, value);
        }
    }
    extensions.set("requestId", id.map_or(Value::Null, |id| id.as_str().into()));
}

fn send(media: Media, status: StatusCode, response: &GraphqlResponse) -> Response {
    response.note();
    match serde_json::to_vec(response) {
        Ok(body) => {
            let mut sent = (status, body).into_response();
            sent.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
            sent.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            sent
        }
        Err(error) => chassis::http::Failure::internal(error).into_response(),
    }
}
