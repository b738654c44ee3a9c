//! Old events, read as if they had been written today.
//!
//! What was stored is never changed. An upcaster lifts the data of one type from one schema to the
//! next; reading applies them in turn.

use serde_json::{Value, json};

/// Why a stored event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Nobody knows how to read this schema.
    #[error("there is no {kind} of schema {schema}")]
    Unknown { kind: String, schema: u32 },
    /// The data do not fit their schema.
    #[error("{kind} of schema {schema}: {cause}")]
    Data { kind: String, schema: u32, cause: serde_json::Error },
}

type Upcaster = fn(Value) -> Option<Value>;

/// By type and schema: what lifts the data to the next schema.
const UPCASTERS: &[(&str, u32, Upcaster)] =
    &[("placed", 1, placed_1), ("cancellation_requested", 1, without_words), ("cancelled", 1, without_words)];

/// The schema in which events of a type are written.
#[must_use]
pub fn current_schema(kind: &str) -> u32 {
    1 + u32::try_from(UPCASTERS.iter().filter(|(of, ..)| *of == kind).count()).unwrap_or_default()
}

pub(super) fn newest(kind: &str, schema: u32, mut data: Value) -> Result<Value, Unreadable> {
    let unknown = || Unreadable::Unknown { kind: kind.to_owned(), schema };
    let current = current_schema(kind);
    if !(1..=current).contains(&schema) {
        return Err(unknown());
    }
    for step in schema..current {
        let found = UPCASTERS.iter().find(|(of, from, _)| *of == kind && *from == step);
        let (.., upcaster) = found.ok_or_else(unknown)?;
        data = upcaster(data).ok_or_else(unknown)?;
    }
    Ok(data)
}

/// Until schema 2, amounts were bare centavos under one `currency`, items had no total of their own, and
/// no order knew of links.
fn placed_1(mut data: Value) -> Option<Value> {
    let order = data.as_object_mut()?;
    let currency = order.remove("currency")?;
    let money = |minor: i64| json!({"minor": minor, "currency": currency});
    for item in order.get_mut("items")?.as_array_mut()? {
        let item = item.as_object_mut()?;
        let product = item.remove("product_id")?;
        let (price, quantity) = (item.remove("unit_price")?.as_i64()?, item.get("quantity")?.as_i64()?);
        item.insert("inventory_product_id".to_owned(), product);
        item.insert("unit_price".to_owned(), money(price));
        item.insert("total".to_owned(), money(price.checked_mul(quantity)?));
    }
    let total = order.get("total")?.as_i64()?;
    order.insert("total".to_owned(), money(total));
    order.entry("shortener_short_code").or_insert(Value::Null);
    Some(data)
}

/// Until schema 2, the words of who cancelled an order were not sealed. Nobody is shown them any more.
fn without_words(mut data: Value) -> Option<Value> {
    data.as_object_mut()?.insert("reason".to_owned(), Value::Null);
    Some(data)
}
