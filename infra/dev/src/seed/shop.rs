//! Products on sale, and the first order.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kit::eventually;
use serde_json::{Value, json};

use super::Api;

/// SKU, name, price in centavos, and how many there are.
const PRODUCTS: &[(&str, &str, i64, u32)] = &[
    ("SNK-42", "Sneakers, white, 42", 34_990, 40),
    ("TEE-M", "T-shirt, black, M", 7_990, 120),
    ("CAP-1", "Cap", 5_990, 15),
];
/// How long orders may take to hear of products and links.
const PATIENCE: Duration = Duration::from_secs(30);

/// Puts products on sale that are not there yet.
pub(super) async fn open(operator: &Api) -> Result<()> {
    for &(sku, name, minor, pieces) in PRODUCTS {
        let input = json!({ "sku": sku, "name": name, "price": { "minor": minor, "currency": "BRL" } });
        let create = "mutation($input: CreateProductInput!) { createProduct(input: $input) { id } }";
        let answer = operator.ask(create, json!({ "input": input })).await?;
        if answer["errors"][0]["extensions"]["code"] == "sku_taken" {
            continue;
        }
        let id = answer["data"]["createProduct"]["id"].as_str();
        let id = id.with_context(|| format!("making the product {sku}: {}", answer["errors"]))?;
        let input = json!({ "productId": id, "kind": "INCREASE", "quantity": pieces, "reason": "first delivery" });
        let stock = "mutation($input: ChangeStockInput!, $key: String!) {
            changeStock(input: $input, idempotencyKey: $key) { at } }";
        let answer = operator.ask(stock, json!({ "input": input, "key": format!("seed-{sku}") })).await?;
        ensure!(answer["errors"].is_null(), "stocking {sku}: {}", answer["errors"]);
    }
    Ok(())
}

/// Lets the demo user be a customer and buy something that a link brought, once.
pub(super) async fn buy(demo: &Api, link: &str) -> Result<()> {
    let method = payment_method(demo).await?;
    let products = "{ products(first: 10, search: \"SNK-42\") { edges { node { id } } } }";
    let product = demo.ask(products, Value::Null).await?["data"]["products"]["edges"][0]["node"]["id"].take();
    let input = json!({
        "items": [{ "productId": product, "quantity": 1 }], "paymentMethodId": method, "linkCode": link,
    });
    let place = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input, idempotencyKey: \"seed\") { id } }";
    eventually(PATIENCE, "the demo order to be taken", async || {
        let answer = demo.ask(place, json!({ "input": input })).await?;
        // The key is kept for some days; a demo that is older orders once more.
        ensure!(answer["errors"].is_null(), "{}", answer["errors"]);
        Ok(Some(()))
    })
    .await
}

async fn payment_method(demo: &Api) -> Result<Value> {
    let ask = "{ customer { paymentMethods { id } } }";
    let mut known = demo.ask(ask, Value::Null).await?;
    if known["data"]["customer"].is_null() {
        let save =
            "mutation($input: CustomerInput!) { customer: saveCustomer(input: $input) { paymentMethods { id } } }";
        let address = json!({
            "street": "Rua Augusta", "number": "100", "city": "São Paulo", "state": "SP", "zipCode": "01305-000",
            "country": "BR",
        });
        let input = json!({
            "email": crate::site::DEMO, "document": "529.982.247-25", "fullName": "Demo Merchant",
            "shippingAddress": address,
            "paymentMethods": [{ "providerToken": "tok_visa_ok", "kind": "CREDIT_CARD", "lastFour": "4242", "expiry": "2031-12" }],
        });
        known = demo.ask(save, json!({ "input": input })).await?;
    }
    let method = known["data"]["customer"]["paymentMethods"][0]["id"].take();
    ensure!(method.is_string(), "making the demo user a customer: {}", known["errors"]);
    Ok(method)
}
