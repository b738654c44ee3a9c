//! `/v1/products/{id}/stock`, its operations, and `/v1/stock/rebuild`.

use super::{Named, page, sees_all};
use crate::app::Inventory;
use crate::domain::MOST_AT_ONCE;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chassis::http::documented::{BadBody, BadQuery, Open, OperatorsOnly, Usual};
use chassis::http::{Failure, IdempotencyKey, Json, Path, Query};
use chassis::jwt::{Caller, Operator};
use contracts::field_errors::FieldErrors;
use contracts::problem::Problem;
use contracts::rest::inventory::{
    ChangeStock, ListStockOperations, Stock, StockChanged, StockOperationPage, StockRebuilt,
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// Tells what is there of a product: everybody, how many can be ordered; operators, too, how many are in the warehouse and
/// how many are reserved.
#[utoipa::path(
    get, path = "/v1/products/{id}/stock", tag = "stock", security((), ("bearer" = [])),
    params(("id" = Uuid, Path, description = "The product.")),
    responses((status = 200, description = "The stock.", body = Stock), Named, Open),
)]
pub(super) async fn read(
    State(inventory): State<Inventory>,
    caller: Option<Caller>,
    Path(id): Path<Uuid>,
) -> Result<Json<Stock>, Failure> {
    Ok(Json(inventory.product(id, sees_all(caller.as_ref())).await?.stock))
}

/// Lists what happened to a product's stock, newest first.
#[utoipa::path(
    get, path = "/v1/products/{id}/stock/operations", tag = "stock", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The product."), ListStockOperations),
    responses(
        (status = 200, description = "A page of operations.", body = StockOperationPage),
        BadQuery, OperatorsOnly, Named, Usual,
    ),
)]
pub(super) async fn operations(
    State(inventory): State<Inventory>,
    _operator: Operator,
    Path(id): Path<Uuid>,
    Query(request): Query<ListStockOperations>,
) -> Result<Json<StockOperationPage>, Failure> {
    Ok(Json(inventory.operations(id, page(request.first)?, request.after.as_deref()).await?))
}

/// Restocks, or corrects what was counted wrong. Pieces that orders hold cannot be taken.
#[utoipa::path(
    post, path = "/v1/products/{id}/stock/operations", tag = "stock", security(("bearer" = [])),
    request_body = ChangeStock,
    params(
        ("id" = Uuid, Path, description = "The product."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters. The same request with the same key is done once and is answered alike for 72 hours."),
    ),
    responses(
        (status = 201, description = "It was done.", body = StockChanged),
        (status = 409, description = "`conflict`: fewer pieces are free than are to be taken; or `idempotency_in_progress`.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_mismatch`.", body = Problem, content_type = "application/problem+json"),
        BadBody, OperatorsOnly, Named, Usual,
    ),
)]
pub(super) async fn operate(
    State(inventory): State<Inventory>,
    Operator(caller): Operator,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(mut body): Json<ChangeStock>,
) -> Result<(StatusCode, Json<StockChanged>), Failure> {
    let mut fields = FieldErrors::default();
    body.reason = body.reason.trim().to_owned();
    if !(1..=MOST_AT_ONCE).contains(&body.quantity) {
        fields.refuse("quantity", format!("must be 1 to {MOST_AT_ONCE}"));
    }
    if !(1..=LONGEST_REASON).contains(&body.reason.chars().count()) || body.reason.contains(char::is_control) {
        fields.refuse("reason", format!("must have 1 to {LONGEST_REASON} characters, none of them controls"));
    }
    let key = fields.take("Idempotency-Key", IdempotencyKey::required(&headers));
    let key = super::all(fields, key)?;
    let changed = inventory.change_stock(caller.user_id, id, &body, key).await?;
    Ok((StatusCode::CREATED, Json(changed)))
}

/// Where sums begin.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Rebuilding {
    /// True: at each product's newest snapshot, which is quick. False or absent: at its first operation, and snapshots
    /// are compared, too.
    from_snapshots: Option<bool>,
}

/// Compares every product's stock, its snapshots and open reservations with the operations, reports where they differ,
/// and mends stock and snapshots. Orders go on meanwhile.
#[utoipa::path(
    post, path = "/v1/stock/rebuild", tag = "stock", security(("bearer" = [])), params(Rebuilding),
    responses(
        (status = 200, description = "What was found and mended.", body = StockRebuilt),
        BadQuery, OperatorsOnly, Usual,
    ),
)]
pub(super) async fn rebuild(
    State(inventory): State<Inventory>,
    _operator: Operator,
    Query(request): Query<Rebuilding>,
) -> Result<Json<StockRebuilt>, Failure> {
    Ok(Json(inventory.rebuild(request.from_snapshots.unwrap_or_default()).await?))
}
