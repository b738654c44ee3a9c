//! Extractors that refuse with problems, naming the field where there is one.

use super::{Failure, limit, nul};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use contracts::problem::{Code, Problem};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::marker::PhantomData;

/// A JSON body, both ways; one that comes must be an object.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<S, T> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        if !is_json(request.headers()) {
            return Err(Failure::new(Code::UnsupportedMediaType, "Send the body as application/json."));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| refuse_bytes(&rejection))?;
        let axum::Json(Object(value)) = axum::Json::from_bytes(&body).map_err(|rejection| refuse_json(&rejection))?;
        match nul::in_json(&body) {
            Some(field) => Err(Failure::field(field, nul::REASON)),
            None => Ok(Self(value)),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// Something that is read from an object only. Left to itself, serde reads a list as a structure's fields in their order,
/// and an empty one as a change of nothing.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// Reads an [`Object`].
struct Entries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// Whether a body says that it is JSON: `application/json`, or a type that is written in it.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn refuse_bytes(rejection: &BytesRejection) -> Failure {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Failure::new(Code::PayloadTooLarge, "The body is larger than this route takes.");
    }
    if is_late(rejection) {
        return Failure::new(Code::MalformedRequest, "The body came too slowly.");
    }
    Failure::new(Code::MalformedRequest, "The body did not come whole.")
}

/// Whether a body could not be read because its client was too slow, as [`crate::server`] says it.
fn is_late(error: &(dyn std::error::Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut found = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    found.any(|cause| cause.kind() == std::io::ErrorKind::TimedOut)
}

fn refuse_json(rejection: &JsonRejection) -> Failure {
    match rejection {
        JsonRejection::JsonDataError(error) => refuse_data(&error.body_text()),
        _ => Failure::new(Code::MalformedRequest, "The body is not well-formed JSON."),
    }
}

/// Turns `Failed to deserialize …: links[3].url: missing field …` into a field error.
fn refuse_data(text: &str) -> Failure {
    let reason = text.split_once("target type: ").map_or(text, |(_, reason)| reason);
    let reason = reason.split_once(" at line ").map_or(reason, |(reason, _)| reason);
    let (path, message) = match reason.split_once(": ") {
        Some((path, message)) if !path.contains(' ') => (path.trim_matches('.'), message),
        _ => ("", reason),
    };
    let named = message.split('`').nth(1);
    let field = match (path, named) {
        ("", Some(name)) => name.to_owned(),
        (path, Some(name)) if message.starts_with("missing field") && !path.ends_with(name) => {
            format!("{path}.{name}")
        }
        (path, _) => path.to_owned(),
    };
    Problem::field(if field.is_empty() { "body".to_owned() } else { field }, message).into()
}

/// The query string.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S, T> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let query = parts.uri.query().unwrap_or_default();
        if let Some(field) = nul::in_query(query) {
            return Err(Failure::field(field, nul::REASON));
        }
        limit::check_query(query)?;
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let reason = text.split_once("string: ").map_or(&*text, |(_, reason)| reason);
                let (field, message) = reason.split_once(": ").unwrap_or(("query", reason));
                Err(Failure::field(field, message))
            }
        }
    }
}

/// The path's parameters. One that cannot be parsed names nothing that exists: 404.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<S, T> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let nothing = || Failure::new(Code::NotFound, "There is nothing at this address.");
        if parts.uri.path().contains(nul::ESCAPED) || limit::is_beyond_names(parts.uri.path()) {
            return Err(nothing());
        }
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(value)| Self(value)).map_err(|_| nothing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Body {
        name: String,
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Item {
        count: u32,
    }

    async fn refused(body: &str) -> Problem {
        let request = Request::post("/")
            .header("content-type", "application/json")
            .body(axum::body::Body::from(body.to_owned()))
            .unwrap();
        Json::<Body>::from_request(request, &()).await.unwrap_err().into_problem()
    }

    #[tokio::test]
    async fn the_field_that_does_not_fit_is_named() {
        for (body, field) in [
            (r#"{"items":[]}"#, "name"),
            (r#"{"name":1,"items":[]}"#, "name"),
            (r#"{"name":"a","items":[{"count":1},{"count":"x"}]}"#, "items[1].count"),
            (r#"{"name":"a","items":[{}]}"#, "items[0].count"),
            (r#"{"name":"a","items":[],"more":1}"#, "more"),
            (r#"{"name":"a\u0000","items":[]}"#, "name"),
            (r#"["a",[]]"#, "body"),
            (r#""a""#, "body"),
            ("null", "body"),
        ] {
            let problem = refused(body).await;
            assert_eq!(problem.code, Code::ValidationFailed, "{body}");
            assert_eq!(problem.errors[0].field, field, "{body}: {:?}", problem.errors);
        }
        assert_eq!(refused("{").await.code, Code::MalformedRequest);
    }

    #[test]
    fn types_that_are_written_in_json_are_taken_for_json() {
        let is_json = |text: &'static str| is_json(&HeaderMap::from_iter([(CONTENT_TYPE, text.parse().unwrap())]));
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
            assert!(is_json(json), "{json}");
        }
        for other in ["text/json", "application/jsonp", "text/plain; application/json", ""] {
            assert!(!is_json(other), "{other}");
        }
    }
}
