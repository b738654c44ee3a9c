//! The routes, described in OpenAPI. Types that other crates read belong into `contracts::rest`.

use crate::{
    app::Notes,
    domain::{self, Text},
};
use axum::{
    Router,
    extract::{FromRef, State},
    http::StatusCode,
};
use chassis::{
    http::{Failure, Json, Path},
    jwt::{Bearer, Caller, Verifier},
};
use chrono::{DateTime, Utc};
use contracts::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, OpenApi, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

/// What handlers work with.
#[derive(Clone, FromRef)]
struct Api {
    notes: Notes,
    verifier: Verifier,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "__name__",
        description = "Notes of users. Every error is application/problem+json (RFC 9457) with a code of the one list in \
                       docs/errors."
    ),
    modifiers(&Bearer),
)]
struct Description;

pub fn routes(notes: Notes, verifier: Verifier) -> Router {
    let (router, _) = described().with_state(Api { notes, verifier }).split_for_parts();
    router
}

#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().into_openapi().merge_from(messaging::operators::openapi())
}

fn described() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Description::openapi()).routes(routes!(write)).routes(routes!(read))
}

/// The answers that every route may give besides its own.
#[derive(IntoResponses)]
#[allow(dead_code)]
enum Usual {
    /// `unauthenticated` or `invalid_token`.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// `unavailable`, with `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The answers of routes that read a body.
#[derive(IntoResponses)]
#[allow(dead_code)]
enum Bodied {
    /// `validation_failed`, with the fields, or `malformed_request`.
    #[response(status = 400, content_type = "application/problem+json")]
    Refused(Problem),
    /// `payload_too_large`.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// `unsupported_media_type`.
    #[response(status = 415, content_type = "application/problem+json")]
    Unsupported(Problem),
}

/// The answer of routes about one note.
#[derive(IntoResponses)]
#[allow(dead_code)]
enum Named {
    /// `not_found`: there is no such note, or it is another user's.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// A note to be written.
#[derive(Debug, Deserialize, ToSchema)]
struct WriteNote {
    /// 1 to 1,000 characters.
    text: String,
}

/// A note.
#[derive(Debug, Serialize, ToSchema)]
struct Note {
    id: Uuid,
    text: String,
    created_at: DateTime<Utc>,
}

impl From<domain::Note> for Note {
    fn from(note: domain::Note) -> Self {
        Self { id: note.id, text: note.text, created_at: note.created_at }
    }
}

/// Writes a note.
#[utoipa::path(
    post, path = "/v1/notes", tag = "notes", security(("bearer" = [])), request_body = WriteNote,
    responses((status = 201, description = "The note.", body = Note), Bodied, Usual),
)]
async fn write(
    State(notes): State<Notes>,
    caller: Caller,
    Json(body): Json<WriteNote>,
) -> Result<(StatusCode, Json<Note>), Failure> {
    let text = Text::parse(&body.text).map_err(|message| Failure::field("text", message))?;
    let note = notes.write(caller.user_id, &text).await?;
    Ok((StatusCode::CREATED, Json(note.into())))
}

/// Reads a note of the caller's.
#[utoipa::path(
    get, path = "/v1/notes/{id}", tag = "notes", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The note.")),
    responses((status = 200, description = "The note.", body = Note), Named, Usual),
)]
async fn read(State(notes): State<Notes>, caller: Caller, Path(id): Path<Uuid>) -> Result<Json<Note>, Failure> {
    Ok(Json(notes.read(caller.user_id, id).await?.into()))
}
