//! Dead letters over HTTP, for operators.

use crate::DeadLetters;
use crate::dead_letters::{DeadLetter, Select};
use crate::state::AuditEntry;
use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::{get, post};
use chassis::http::documented::{BadBody, BadQuery, OperatorsOnly, Usual};
use chassis::http::{Failure, Json, Query};
use chassis::jwt::{Operator, Verifier};
use contracts::field_errors::FieldErrors;
use contracts::problem::{Code, Problem};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, IntoResponses, OpenApi, ToSchema};
use uuid::Uuid;

/// How many dead letters or decisions are listed when the request does not say.
const LISTED: u32 = 100;
/// How many are listed at most.
const LISTED_AT_MOST: u32 = 1000;
/// How many ids one decision may name.
const DECIDED_AT_MOST: usize = 1_000;
/// How long a subject may be, in bytes.
const LONGEST_SUBJECT: usize = 255;
/// How long a reason may be, in bytes.
const REASON_AT_MOST: usize = 500;

#[derive(Clone)]
struct Operated {
    verifier: Verifier,
    letters: Arc<[DeadLetters]>,
}

impl FromRef<Operated> for Verifier {
    fn from_ref(operated: &Operated) -> Self {
        operated.verifier.clone()
    }
}

impl Operated {
    fn of(&self, consumer: &str) -> Result<&DeadLetters, Failure> {
        let found = self.letters.iter().find(|letters| letters.consumer() == consumer);
        found.ok_or_else(|| Failure::new(Code::NotFound, "There is no consumer with this name."))
    }
}

/// What the routes are, to be merged into a service's OpenAPI.
#[derive(OpenApi)]
#[openapi(paths(list, redrive, discard, audit))]
pub struct Api;

/// Describes the routes, to be merged into a service's OpenAPI.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// The routes under `/v1/dead-letters`, for callers with the operator role.
pub fn routes(verifier: Verifier, letters: impl IntoIterator<Item = DeadLetters>) -> Router {
    let letters = letters.into_iter().collect();
    Router::new()
        .route("/v1/dead-letters", get(list))
        .route("/v1/dead-letters/redrive", post(redrive))
        .route("/v1/dead-letters/discard", post(discard))
        .route("/v1/dead-letters/audit", get(audit))
        .with_state(Operated { verifier, letters })
}

/// Which dead letters or decisions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Only those of this consumer.
    consumer: Option<String>,
    /// Only those about this subject.
    #[param(max_length = 255)]
    subject: Option<String>,
    /// How many per consumer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

impl Listing {
    fn limit(&self) -> Result<u32, Failure> {
        let (limit, mut refused) = (self.limit.unwrap_or(LISTED), FieldErrors::default());
        if !(1..=LISTED_AT_MOST).contains(&limit) {
            refused.refuse("limit", format!("must be 1 to {LISTED_AT_MOST}"));
        }
        if self.subject.as_ref().is_some_and(|subject| subject.len() > LONGEST_SUBJECT) {
            refused.refuse("subject", format!("must have at most {LONGEST_SUBJECT} bytes"));
        }
        refused.finish()?;
        Ok(limit)
    }

    fn consumers<'a>(&self, operated: &'a Operated) -> Result<Vec<&'a DeadLetters>, Failure> {
        match &self.consumer {
            Some(consumer) => Ok(vec![operated.of(consumer)?]),
            None => Ok(operated.letters.iter().collect()),
        }
    }
}

/// Some dead letters.
#[derive(Debug, Serialize, ToSchema)]
struct DeadLetterList {
    /// The oldest first.
    items: Vec<DeadLetter>,
}

/// What operators decided.
#[derive(Debug, Serialize, ToSchema)]
struct AuditList {
    /// The latest first.
    items: Vec<AuditEntry>,
}

/// What is to become of which dead letters: name either ids or a subject.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Decision {
    /// Whose dead letters.
    consumer: String,
    /// Those with these ids.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<Uuid>>,
    /// Those about this subject.
    #[schema(max_length = 255)]
    subject: Option<String>,
    /// Why, for the audit: 1 to 500 bytes.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Decision {
    fn select(&self) -> Result<Select, Failure> {
        let mut refused = FieldErrors::default();
        if self.reason.trim().is_empty() || self.reason.len() > REASON_AT_MOST {
            refused.refuse("reason", format!("must have 1 to {REASON_AT_MOST} bytes"));
        }
        match (&self.ids, &self.subject) {
            (Some(ids), None) if (1..=DECIDED_AT_MOST).contains(&ids.len()) => {}
            (Some(_), None) => refused.refuse("ids", format!("must be 1 to {DECIDED_AT_MOST}")),
            (None, Some(subject)) if subject.len() <= LONGEST_SUBJECT => {}
            (None, Some(_)) => refused.refuse("subject", format!("must have at most {LONGEST_SUBJECT} bytes")),
            _ => refused.refuse("ids", "give either ids or a subject"),
        }
        refused.finish()?;
        let subject = self.subject.clone().map(Select::Subject);
        Ok(subject.unwrap_or_else(|| Select::Ids(self.ids.clone().unwrap_or_default())))
    }
}

/// Which dead letters were dealt with.
#[derive(Debug, Serialize, ToSchema)]
struct Decided {
    /// Their ids.
    ids: Vec<Uuid>,
}

/// The answer where a consumer is named that the unit does not have.
#[derive(IntoResponses)]
#[allow(dead_code)]
enum NoConsumer {
    /// `not_found`: the unit has no consumer with this name.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// Lists dead letters.
#[utoipa::path(
    get, path = "/v1/dead-letters", params(Listing), tag = "dead-letters", security(("bearer" = [])),
    responses((status = 200, description = "The dead letters.", body = DeadLetterList), Usual, OperatorsOnly, BadQuery, NoConsumer),
)]
async fn list(
    State(operated): State<Operated>,
    _: Operator,
    Query(listing): Query<Listing>,
) -> Result<Json<DeadLetterList>, Failure> {
    let (mut items, limit) = (Vec::new(), listing.limit()?);
    for letters in listing.consumers(&operated)? {
        let found = letters.list(listing.subject.as_deref(), limit as usize).await;
        items.extend(found.map_err(away)?);
    }
    Ok(Json(DeadLetterList { items }))
}

/// Has dead letters delivered again, with the ids that they have.
#[utoipa::path(
    post, path = "/v1/dead-letters/redrive", request_body = Decision, tag = "dead-letters", security(("bearer" = [])),
    responses((status = 200, description = "They will be delivered again.", body = Decided), Usual, OperatorsOnly, BadBody, NoConsumer),
)]
async fn redrive(
    State(operated): State<Operated>,
    Operator(caller): Operator,
    Json(decision): Json<Decision>,
) -> Result<Json<Decided>, Failure> {
    let (letters, actor) = (operated.of(&decision.consumer)?, caller.user_id.to_string());
    let ids = letters.redrive(&decision.select()?, &actor, &decision.reason).await;
    Ok(Json(Decided { ids: ids.map_err(away)? }))
}

/// Deletes dead letters.
#[utoipa::path(
    post, path = "/v1/dead-letters/discard", request_body = Decision, tag = "dead-letters", security(("bearer" = [])),
    responses((status = 200, description = "They are deleted.", body = Decided), Usual, OperatorsOnly, BadBody, NoConsumer),
)]
async fn discard(
    State(operated): State<Operated>,
    Operator(caller): Operator,
    Json(decision): Json<Decision>,
) -> Result<Json<Decided>, Failure> {
    let (letters, actor) = (operated.of(&decision.consumer)?, caller.user_id.to_string());
    let ids = letters.discard(&decision.select()?, &actor, &decision.reason).await;
    Ok(Json(Decided { ids: ids.map_err(away)? }))
}

/// Lists what operators decided.
#[utoipa::path(
    get, path = "/v1/dead-letters/audit", params(Listing), tag = "dead-letters", security(("bearer" = [])),
    responses((status = 200, description = "The decisions.", body = AuditList), Usual, OperatorsOnly, BadQuery, NoConsumer),
)]
async fn audit(
    State(operated): State<Operated>,
    _: Operator,
    Query(listing): Query<Listing>,
) -> Result<Json<AuditList>, Failure> {
    let (mut items, limit) = (Vec::new(), listing.limit()?);
    for letters in listing.consumers(&operated)? {
        items.extend(letters.audit(limit).await.map_err(away)?);
    }
    if let Some(subject) = &listing.subject {
        items.retain(|entry| entry.subject == *subject);
    }
    Ok(Json(AuditList { items }))
}

fn away(cause: anyhow::Error) -> Failure {
    Failure::unavailable("The dead letters cannot be reached at the moment.", cause)
}
