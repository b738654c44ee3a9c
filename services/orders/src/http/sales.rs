//! `/v1/links/sales`.

use super::bounded;
use super::card_numbers::NoCardNumbers;
use crate::app::Orders;
use axum::extract::State;
use chassis::http::documented::{BadBody, Usual};
use chassis::http::{Failure, Json};
use chassis::jwt::Caller;
use contracts::rest::orders::{LinksSales, SalesOf};

/// Tells what up to 100 links sold, as far as they are the caller's.
#[utoipa::path(
    post, path = "/v1/links/sales/batch", tag = "links", security(("bearer" = [])), request_body = SalesOf,
    responses((status = 200, description = "One per link of the caller's.", body = LinksSales), Usual, BadBody),
)]
pub(super) async fn batch(
    State(orders): State<Orders>,
    caller: Caller,
    NoCardNumbers(body): NoCardNumbers<SalesOf>,
) -> Result<Json<LinksSales>, Failure> {
    Ok(Json(LinksSales { links: orders.sales(caller.user_id, &bounded("codes", body.codes)?).await? }))
}
