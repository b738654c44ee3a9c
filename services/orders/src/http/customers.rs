//! `/v1/customer` and `/v1/customers`.

use super::card_numbers::NoCardNumbers;
use super::{Gone, Services, Unknown, bounded};
use crate::app::Customers;
use crate::domain::CustomerData;
use crate::error::Error;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::http::documented::{BadBody, Usual};
use chassis::http::{Failure, Json, Path};
use chassis::jwt::{Admits, Caller, FromService};
use chrono::Utc;
use contracts::rest::orders::{self as rest, Customer, CustomerKey, Ids, SaveCustomer};
use uuid::Uuid;

/// Makes the caller a customer, or changes the customer's data. The same data again change nothing.
#[utoipa::path(
    put, path = "/v1/customer", tag = "customers", security(("bearer" = [])), request_body = SaveCustomer,
    responses(
        (status = 200, description = "The customer as it is now.", body = Customer),
        (status = 201, description = "The caller is a customer now.", body = Customer),
        Usual, BadBody, Gone
    ),
)]
pub(super) async fn save(
    State(customers): State<Customers>,
    caller: Caller,
    NoCardNumbers(body): NoCardNumbers<SaveCustomer>,
) -> Result<(StatusCode, Json<Customer>), Failure> {
    let wanted = CustomerData::parse(&body, Utc::now()).map_err(Error::Refused)?;
    let (customer, is_new) = customers.save_customer(caller.user_id, wanted).await?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(customer)))
}

/// Tells the caller's customer.
#[utoipa::path(
    get, path = "/v1/customer", tag = "customers", security(("bearer" = [])),
    responses((status = 200, description = "The caller's data.", body = Customer), Usual, Unknown, Gone),
)]
pub(super) async fn own(State(customers): State<Customers>, caller: Caller) -> Result<Json<Customer>, Failure> {
    Ok(Json(customers.customer_of(caller.user_id).await?))
}

/// Tells a customer: the caller's own, or for operators anybody.
#[utoipa::path(
    get, path = "/v1/customers/{id}", tag = "customers", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The customer.")),
    responses((status = 200, description = "The customer.", body = Customer), Usual, Unknown, Gone),
)]
pub(super) async fn read(
    State(customers): State<Customers>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Customer>, Failure> {
    Ok(Json(customers.customer(&caller, id).await?))
}

/// Tells up to 100 customers, as far as the caller may see them.
#[utoipa::path(
    post, path = "/v1/customers/batch", tag = "customers", security(("bearer" = [])), request_body = Ids,
    responses((status = 200, description = "Those that the caller may see.", body = rest::Customers), Usual, BadBody),
)]
pub(super) async fn batch(
    State(customers): State<Customers>,
    caller: Caller,
    NoCardNumbers(body): NoCardNumbers<Ids>,
) -> Result<Json<rest::Customers>, Failure> {
    let customers = customers.customers(&caller, &bounded("ids", body.ids)?).await?;
    Ok(Json(rest::Customers { customers }))
}

/// The services that keep copies of customers.
pub(super) struct Copies;

impl Admits for Copies {
    const SERVICES: &'static [&'static str] = &["invoices", "shipping", "notifications"];
}

/// Hands out a customer's data key to a service that keeps copies: invoices, shipping or notifications.
#[utoipa::path(
    get, path = "/v1/customers/{id}/key", tag = "customers", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The customer.")),
    responses((status = 200, description = "The key.", body = CustomerKey), Usual, Services, Unknown, Gone),
)]
pub(super) async fn key(
    State(customers): State<Customers>,
    service: FromService<Copies>,
    Path(id): Path<Uuid>,
) -> Result<Json<CustomerKey>, Failure> {
    let key = customers.customer_key(id).await?;
    tracing::info!(customer.id = %id, audit.actor = service.name, "A customer's data key was handed out.");
    Ok(Json(key))
}
