//! Products on sale, and the first order.

use super::api::{Api, Reply};
use anyhow::{Context as _, Result, bail};
use contracts::problem::Code;
use kit::eventually;
use serde_json::{Value, json};
use std::time::Duration;

/// SKU, name, price in centavos, and how many there are.
pub(super) const PRODUCTS: &[(&str, &str, i64, u32)] = &[
    ("SNK-42", "Sneakers, white, 42", 34_990, 40),
    ("TEE-M", "T-shirt, black, M", 7_990, 120),
    ("CAP-1", "Cap", 5_990, 15),
];
/// How long orders may take to hear of products and links.
const PATIENCE: Duration = Duration::from_secs(30);

/// Puts products on sale that are not there yet, and stocks those of which nothing ever came in or went out.
pub(super) async fn open(operator: &Api) -> Result<()> {
    for &(sku, name, minor, pieces) in PRODUCTS {
        let id = match product(operator, sku).await? {
            Some(id) => id,
            None => create(operator, sku, name, minor).await?,
        };
        let operations = format!("/api/inventory/v1/products/{id}/stock/operations?first=1");
        let known = operator.get(&format!("the stock of {sku}"), &operations).await?;
        if known["items"].as_array().is_some_and(Vec::is_empty) {
            stock(operator, sku, &id, pieces).await?;
        }
    }
    Ok(())
}

/// The id of a product.
async fn product(api: &Api, sku: &str) -> Result<Option<String>> {
    let find = "query($sku: String) { products(first: 100, search: $sku) { edges { node { id sku } } } }";
    let found = api.ask(&format!("the product {sku} to be found"), find, &json!({ "sku": sku })).await?.data()?;
    let edges = found["products"]["edges"].as_array().context("a list without edges")?;
    let product = edges.iter().map(|edge| &edge["node"]).find(|node| node["sku"] == sku);
    Ok(product.and_then(|node| node["id"].as_str()).map(str::to_owned))
}

async fn create(operator: &Api, sku: &str, name: &str, minor: i64) -> Result<String> {
    let create = "mutation($input: CreateProductInput!) { createProduct(input: $input) { id } }";
    let input = json!({ "input": { "sku": sku, "name": name, "price": { "minor": minor, "currency": "BRL" } } });
    let made = match operator.ask(&format!("the product {sku} to be made"), create, &input).await? {
        Reply::Data(data) => data["createProduct"]["id"].as_str().map(str::to_owned),
        // Made by a try whose answer did not arrive.
        Reply::Refused(Code::SkuTaken, _) => product(operator, sku).await?,
        Reply::Refused(code, message) => bail!("making the product {sku}: {code}: {message}"),
    };
    made.with_context(|| format!("the product {sku} has no id"))
}

async fn stock(operator: &Api, sku: &str, id: &str, pieces: u32) -> Result<()> {
    let stock = "mutation($input: ChangeStockInput!, $key: String!) {
        changeStock(input: $input, idempotencyKey: $key) { at } }";
    let input = json!({ "productId": id, "kind": "INCREASE", "quantity": pieces, "reason": "first delivery" });
    let variables = json!({ "input": input, "key": format!("seed-{id}") });
    operator.ask(&format!("{sku} to be stocked"), stock, &variables).await?.data()?;
    Ok(())
}

/// Lets the demo user be a customer and buy something that a link brought, unless they have bought before.
pub(super) async fn buy(demo: &Api, link: &str) -> Result<()> {
    let orders = demo.ask("the demo user's orders", "{ orders(first: 1) { edges { cursor } } }", &Value::Null).await?;
    if orders.data()?["orders"]["edges"].as_array().is_some_and(|edges| !edges.is_empty()) {
        return Ok(());
    }
    let method = payment_method(demo).await?;
    let sku = PRODUCTS[0].0;
    // Somebody may have taken it off sale, or removed the means of payment.
    let (Some(product), Some(method)) = (product(demo, sku).await?, method) else { return Ok(()) };
    let items = json!([{ "productId": product, "quantity": 1 }]);
    let input = json!({ "input": { "items": items, "paymentMethodId": method, "linkCode": link } });
    let place = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input, idempotencyKey: \"seed\") { id } }";
    eventually(PATIENCE, "the demo order to be taken", async || {
        demo.ask("the demo order to be answered", place, &input).await?.data().map(Some)
    })
    .await?;
    Ok(())
}

/// A means of payment of the demo user, who becomes a customer if they are none.
async fn payment_method(demo: &Api) -> Result<Option<String>> {
    let ask = "{ customer { paymentMethods { id } } }";
    let mut known = demo.ask("the demo user as a customer", ask, &Value::Null).await?.data()?;
    if known["customer"].is_null() {
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
        known = demo.ask("the demo user to be a customer", save, &json!({ "input": input })).await?.data()?;
    }
    let methods = known["customer"]["paymentMethods"].as_array();
    Ok(methods.and_then(|methods| methods.first()?["id"].as_str()).map(str::to_owned))
}
