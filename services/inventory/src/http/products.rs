//! `/v1/products`.

use super::{Named, all, page, sees_all};
use crate::app::{Inventory, NewProduct, ProductChange};
use crate::domain::{Description, Name, Price, Sku};
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::http::documented::{BadBody, BadQuery, Open, OperatorsOnly, Usual};
use chassis::http::{Failure, Json, Path, Query, log_fields};
use chassis::jwt::{Caller, Operator};
use contracts::field_errors::FieldErrors;
use contracts::problem::Problem;
use contracts::rest::inventory::{
    BATCH_LIMIT, CreateProduct, ListProducts, Product, ProductPage, Products, ProductsBatch, UpdateProduct,
};
use uuid::Uuid;

/// The longest text that is searched for, in characters.
const LONGEST_SEARCH: usize = 100;

/// Lists products, newest first: the active ones, to everybody; to operators all.
#[utoipa::path(
    get, path = "/v1/products", tag = "products", security((), ("bearer" = [])), params(ListProducts),
    responses((status = 200, description = "A page of products.", body = ProductPage), BadQuery, Open),
)]
pub(super) async fn list(
    State(inventory): State<Inventory>,
    caller: Option<Caller>,
    Query(request): Query<ListProducts>,
) -> Result<Json<ProductPage>, Failure> {
    let search = request.search.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    if search.as_ref().is_some_and(|text| text.chars().count() > LONGEST_SEARCH) {
        return Err(Failure::field("search", format!("must have at most {LONGEST_SEARCH} characters")));
    }
    let (page, after) = (page(request.first)?, request.after.as_deref());
    Ok(Json(inventory.list(page, after, search, sees_all(caller.as_ref())).await?))
}

/// Tells of many products at once, each with its stock. Those that do not exist, or that the caller may not see, are
/// left out.
#[utoipa::path(
    post, path = "/v1/products/batch", tag = "products", security((), ("bearer" = [])), request_body = ProductsBatch,
    responses((status = 200, description = "The products, in no order.", body = Products), BadBody, Open),
)]
pub(super) async fn batch(
    State(inventory): State<Inventory>,
    caller: Option<Caller>,
    Json(body): Json<ProductsBatch>,
) -> Result<Json<Products>, Failure> {
    if !(1..=BATCH_LIMIT).contains(&body.ids.len()) {
        return Err(Failure::field("ids", format!("must be 1 to {BATCH_LIMIT}")));
    }
    Ok(Json(inventory.products(&body.ids, sees_all(caller.as_ref())).await?))
}

/// Tells everybody of a product that is active, and operators of any.
#[utoipa::path(
    get, path = "/v1/products/{id}", tag = "products", security((), ("bearer" = [])),
    params(("id" = Uuid, Path, description = "The product.")),
    responses((status = 200, description = "The product.", body = Product), Named, Open),
)]
pub(super) async fn read(
    State(inventory): State<Inventory>,
    caller: Option<Caller>,
    Path(id): Path<Uuid>,
) -> Result<Json<Product>, Failure> {
    Ok(Json(inventory.product(id, sees_all(caller.as_ref())).await?))
}

/// Makes a product, of which nothing is there yet.
#[utoipa::path(
    post, path = "/v1/products", tag = "products", security(("bearer" = [])), request_body = CreateProduct,
    responses(
        (status = 201, description = "The product was made.", body = Product, headers(("Location" = String, description = "The product's address."))),
        (status = 409, description = "`sku_taken`.", body = Problem, content_type = "application/problem+json"),
        BadBody, OperatorsOnly, Usual,
    ),
)]
pub(super) async fn create(
    State(inventory): State<Inventory>,
    _operator: Operator,
    Json(body): Json<CreateProduct>,
) -> Result<Response, Failure> {
    let product = inventory.create(new(body)?).await?;
    log_fields::add("product.id", product.id.to_string());
    let location = HeaderValue::from_str(&format!("/v1/products/{}", product.id)).map_err(Failure::internal)?;
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(product)).into_response())
}

/// Changes a product (JSON merge patch, RFC 7396).
#[utoipa::path(
    patch, path = "/v1/products/{id}", tag = "products", security(("bearer" = [])), request_body = UpdateProduct,
    params(("id" = Uuid, Path, description = "The product.")),
    responses(
        (status = 200, description = "The product as it is now.", body = Product),
        (status = 409, description = "`sku_taken`.", body = Problem, content_type = "application/problem+json"),
        BadBody, OperatorsOnly, Named, Usual,
    ),
)]
pub(super) async fn change(
    State(inventory): State<Inventory>,
    _operator: Operator,
    Path(id): Path<Uuid>,
    Json(body): Json<UpdateProduct>,
) -> Result<Json<Product>, Failure> {
    Ok(Json(inventory.change(id, changed(body)?).await?))
}

/// Reads all fields before refusing, so that all that is wrong is told at once.
fn new(body: CreateProduct) -> Result<NewProduct, Failure> {
    let mut fields = FieldErrors::default();
    let sku = fields.take("sku", Sku::parse(&body.sku));
    let name = fields.take("name", Name::parse(&body.name));
    let price = fields.take("price", Price::parse(body.price));
    let description = fields.take("description", Description::parse(&body.description.unwrap_or_default()));
    let active = body.active.unwrap_or(true);
    let read = (|| Some(NewProduct { sku: sku?, name: name?, description: description?, price: price?, active }))();
    all(fields, read)
}

fn changed(body: UpdateProduct) -> Result<ProductChange, Failure> {
    let mut fields = FieldErrors::default();
    let sku = fields.take("sku", body.sku.as_deref().map(Sku::parse).transpose());
    let name = fields.take("name", body.name.as_deref().map(Name::parse).transpose());
    let price = fields.take("price", body.price.map(Price::parse).transpose());
    let text = body.description.map(Option::unwrap_or_default);
    let description = fields.take("description", text.as_deref().map(Description::parse).transpose());
    let active = body.active;
    let read = (|| Some(ProductChange { sku: sku?, name: name?, description: description?, price: price?, active }))();
    all(fields, read)
}
