//! What placing orders reads, in one statement: table `idempotency_keys`, and what stands of buyers, products and links.

use crate::domain::Product;
use chassis::http::idempotency::Earlier;
use contracts::rest::orders::PlaceOrder;
use postgres::{column, idempotency};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use std::collections::HashSet;
use uuid::Uuid;

/// A request to place an order.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub user: Uuid,
    /// Empty for one whose key is not acceptable: no other request has it.
    pub key: &'a str,
    /// SHA-256 of its canonical body.
    pub fingerprint: &'a [u8],
    pub order: &'a PlaceOrder,
}

/// What is known of the order that a request wants.
pub struct PlacementContext {
    pub buyer: Option<Buyer>,
    /// Whether the code of its link is or was a link's. One that was deleted still brought its buyers.
    pub is_link_known: bool,
}

pub struct Buyer {
    pub id: Uuid,
    /// Whether nothing may be done any more with what else stands here.
    pub is_erased: bool,
    /// The data key and its id; nothing once erased.
    pub key: Option<(Uuid, Vec<u8>)>,
    /// The payment method that was asked for, sealed; nothing when it is not the buyer's.
    pub payment_method: Option<Vec<u8>>,
}

/// One row per request. Products come with the first.
#[derive(FromRow)]
struct Row {
    is_locked: bool,
    /// Nothing when the key has not come before.
    is_same: Option<bool>,
    answer: Option<Value>,
    customer_id: Option<Uuid>,
    is_erased: bool,
    key_id: Option<Uuid>,
    wrapped: Option<Vec<u8>>,
    payment_method: Option<Vec<u8>>,
    is_link_known: bool,
    products: Option<Json<Vec<Product>>>,
}

/// The locks of keys end with the transaction, or with the process. Buyers are kept from being erased until then; where
/// this has waited for an erasure, key and payment method are still those from before: only the customer is read again.
const BEGIN: &str = "
    WITH asked AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[], $5::text[]) WITH ORDINALITY
            AS asked (user_id, key, fingerprint, payment_method_id, link_code, place)),
    buyers AS MATERIALIZED (
        SELECT place, c.id AS customer_id, c.erased_at IS NOT NULL AS is_erased, k.id AS key_id, k.wrapped,
               m.sealed AS payment_method
        FROM asked JOIN customers c ON c.auth_user_id = user_id
        LEFT JOIN customer_keys k ON k.customer_id = c.id
        LEFT JOIN payment_methods m ON m.customer_id = c.id AND m.id = payment_method_id
        FOR KEY SHARE OF c)
    SELECT pg_try_advisory_xact_lock(hashtextextended(user_id::text || '/place-order/' || asked.key, 0)) AS is_locked,
           known.fingerprint = asked.fingerprint AS is_same, known.answer,
           customer_id, coalesce(is_erased, false) AS is_erased, key_id, wrapped, payment_method,
           EXISTS (SELECT FROM links WHERE code = link_code) AS is_link_known,
           CASE WHEN place = 1 THEN (
               SELECT json_agg(json_build_object('id', id, 'name', name, 'active', active,
                   'price', json_build_object('minor', minor, 'currency', currency)))
               FROM products WHERE id = ANY($6)) END AS products
    FROM asked LEFT JOIN buyers USING (place)
    LEFT JOIN idempotency_keys known
        ON known.auth_user_id = user_id AND known.operation = 'place-order' AND known.key = asked.key
    ORDER BY place";

/// Begins requests in the transaction of `connection`: says what is known of each, in order, and of the products that
/// they name.
///
/// `KeyRefused::Mismatch` is for a request whose key came with another body, `KeyRefused::InProgress` for
/// one that another transaction works on, or that stands here twice.
pub async fn begin(
    connection: &mut PgConnection,
    requests: &[Request<'_>],
) -> sqlx::Result<(Vec<(Earlier, PlacementContext)>, Vec<Product>)> {
    let items = requests.iter().flat_map(|request| &request.order.items);
    let products: HashSet<Uuid> = items.map(|item| item.product_id).collect();
    let mut rows: Vec<Row> = sqlx::query_as(BEGIN)
        .bind(column(requests, |request| request.user))
        .bind(column(requests, |request| request.key))
        .bind(column(requests, |request| request.fingerprint))
        .bind(column(requests, |request| request.order.payment_method_id))
        .bind(column(requests, |request| request.order.link_code.as_deref()))
        .bind(Vec::from_iter(products))
        .fetch_all(connection)
        .await?;
    let products =
        rows.first_mut().and_then(|row| row.products.take()).map_or_else(Vec::new, |Json(products)| products);
    let mut seen = HashSet::new();
    let contexts = requests.iter().zip(rows).map(|(request, row)| {
        let is_first = row.is_locked && seen.insert((request.user, request.key));
        let earlier = idempotency::earlier(is_first, row.is_same, row.answer);
        let (is_erased, payment_method) = (row.is_erased, row.payment_method);
        let key = row.key_id.zip(row.wrapped);
        let buyer = row.customer_id.map(|id| Buyer { id, is_erased, key, payment_method });
        (earlier, PlacementContext { buyer, is_link_known: row.is_link_known })
    });
    Ok((contexts.collect(), products))
}
