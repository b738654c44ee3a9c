//! `/payments/v1/charges`, `/refunds` and `/ledger`.

use super::State;
use super::disturb::disturb;
use crate::faults::{Kind, Operation};
use crate::ledger::{Everything, Recorded, Refused};
use crate::payment::{Charge, NewCharge, NewRefund, Outcome, Refund};
use axum::extract;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chassis::http::{Failure, Json, Path, Query};
use contracts::money::Money;
use contracts::problem::{Code, Problem};
use ring::digest;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// The longest idempotency key, in bytes.
const LONGEST_KEY: usize = 255;

/// Which charge or refund.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ByKey {
    /// The key that it was asked for with.
    idempotency_key: String,
}

/// Charges, once per key: the same key and body have the same answer. A declined charge is an answer, too.
#[utoipa::path(
    post, path = "/payments/v1/charges", tag = "payments", security(("bearer" = [])), request_body = NewCharge,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters.")),
    responses(
        (status = 201, description = "Captured or declined.", body = Charge),
        (status = 400, description = "`validation_failed`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not the API secret.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The key was used with another body.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "A fault.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn charge(
    extract::State(state): extract::State<State>,
    headers: HeaderMap,
    Json(new): Json<NewCharge>,
) -> Response {
    let work = async {
        let key = key(&headers)?;
        positive(new.amount)?;
        Ok((StatusCode::CREATED, Json(unhurried(make_charge(state.clone(), key, new)).await?)))
    };
    disturb(&state.faults, Operation::Charge, work).await
}

/// Finds a charge by its key.
#[utoipa::path(
    get, path = "/payments/v1/charges", tag = "payments", security(("bearer" = [])), params(ByKey),
    responses(
        (status = 200, description = "The charge.", body = Charge),
        (status = 404, description = "There is none.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn find_charge(extract::State(state): extract::State<State>, Query(by): Query<ByKey>) -> Response {
    let work = async {
        let found = state.ledger.charge_by_key(&by.idempotency_key).await.map_err(Failure::internal)?;
        Ok(Json(found.ok_or_else(|| refuse(Refused::NoCharge))?))
    };
    disturb(&state.faults, Operation::Lookup, work).await
}

/// Gives back some or all of a charge, once per key.
#[utoipa::path(
    post, path = "/payments/v1/charges/{id}/refunds", tag = "payments", security(("bearer" = [])),
    request_body = NewRefund,
    params(
        ("id" = String, Path, description = "The charge."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters."),
    ),
    responses(
        (status = 201, description = "Given back.", body = Refund),
        (status = 400, description = "`validation_failed`: more than is left, too.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such charge.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The key was used with another body, or the charge was declined.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn refund(
    extract::State(state): extract::State<State>,
    Path(charge_id): Path<String>,
    headers: HeaderMap,
    Json(new): Json<NewRefund>,
) -> Response {
    let work = async {
        let key = key(&headers)?;
        positive(new.amount)?;
        Ok((StatusCode::CREATED, Json(unhurried(make_refund(state.clone(), key, charge_id, new)).await?)))
    };
    disturb(&state.faults, Operation::Refund, work).await
}

/// Finds a refund by its key.
#[utoipa::path(
    get, path = "/payments/v1/refunds", tag = "payments", security(("bearer" = [])), params(ByKey),
    responses(
        (status = 200, description = "The refund.", body = Refund),
        (status = 404, description = "There is none.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn find_refund(extract::State(state): extract::State<State>, Query(by): Query<ByKey>) -> Response {
    let work = async {
        let found = state.ledger.refund_by_key(&by.idempotency_key).await.map_err(Failure::internal)?;
        Ok(Json(found.ok_or_else(|| Failure::new(Code::NotFound, "There is no such refund."))?))
    };
    disturb(&state.faults, Operation::Lookup, work).await
}

/// Everything that was charged and refunded, for checks. No fault strikes it.
#[utoipa::path(
    get, path = "/payments/v1/ledger", tag = "checks", security(("bearer" = [])),
    responses((status = 200, description = "Every charge and refund.", body = Everything)),
)]
pub(super) async fn everything(extract::State(state): extract::State<State>) -> Result<Json<Everything>, Failure> {
    Ok(Json(state.ledger.everything().await.map_err(Failure::internal)?))
}

async fn make_charge(state: State, key: String, new: NewCharge) -> Result<Charge, Failure> {
    let declined = state.faults.strike(Kind::Decline, Some(Operation::Charge)).is_some();
    let recorded = state.ledger.charge(&key, fingerprint("", &new), &new, declined).await;
    let Recorded { entry, fresh } = recorded.map_err(Failure::internal)?.map_err(refuse)?;
    if fresh {
        tracing::info!(charge.id = entry.id, charge.status = ?entry.status, "A charge was made.");
        state.webhooks.tell(Outcome::Charge(entry.clone()));
    }
    Ok(entry)
}

async fn make_refund(state: State, key: String, charge_id: String, new: NewRefund) -> Result<Refund, Failure> {
    let recorded = state.ledger.refund(&key, fingerprint(&charge_id, &new), &charge_id, &new).await;
    let Recorded { entry, fresh } = recorded.map_err(Failure::internal)?.map_err(refuse)?;
    if fresh {
        tracing::info!(refund.id = entry.id, charge.id = entry.charge_id, "A refund was made.");
        state.webhooks.tell(Outcome::Refund(entry.clone()));
    }
    Ok(entry)
}

/// Does `work` to its end, also when the client goes meanwhile: what is recorded must be told.
async fn unhurried<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(work).await.map_err(Failure::internal)?
}

fn key(headers: &HeaderMap) -> Result<String, Failure> {
    let refused = || Failure::field("Idempotency-Key", format!("must be 1 to {LONGEST_KEY} visible ASCII characters"));
    let key = headers.get("idempotency-key").ok_or_else(refused)?.to_str().map_err(|_| refused())?;
    let good = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if good { Ok(key.to_owned()) } else { Err(refused()) }
}

fn positive(amount: Money) -> Result<(), Failure> {
    if amount.minor > 0 { Ok(()) } else { Err(Failure::field("amount.minor", "must be at least 1")) }
}

/// By which a repeated request is known. The token is in it: a digest is kept, never the body.
fn fingerprint(about: &str, body: &impl Serialize) -> String {
    let mut hashed = about.as_bytes().to_vec();
    hashed.push(0);
    hashed.extend(serde_json::to_vec(body).expect("a body is JSON"));
    hex::encode(digest::digest(&digest::SHA256, &hashed))
}

fn refuse(refused: Refused) -> Failure {
    match refused {
        Refused::OtherBody => Failure::new(Code::Conflict, "This key was used with another body."),
        Refused::NoCharge => Failure::new(Code::NotFound, "There is no such charge."),
        Refused::NotCaptured => Failure::new(Code::Conflict, "The charge was declined: there is nothing to give back."),
        Refused::TooMuch => Failure::field("amount", "is more than is left of the charge, or of another currency"),
    }
}
