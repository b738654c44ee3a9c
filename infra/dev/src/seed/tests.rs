//! The demo data on the real programs, some of which are not back yet.

use anyhow::{Context as _, Result};
use kit::units::UNITS;
use kit::{Sandbox, Stack, eventually};
use serde_json::{Value, json};
use std::time::Duration;

use super::api::Api;
use super::shop::PRODUCTS;
use crate::site::DEMO;

const PASSWORD: &str = "a password of the demonstration";
const LIMIT: Duration = Duration::from_secs(60);

/// What there is of the demo data.
#[derive(Debug, PartialEq)]
struct Found {
    links: Vec<String>,
    /// SKU, and all pieces that ever came in.
    stock: Vec<(String, i64)>,
    orders: usize,
}

async fn found(gateway: &str, operator: &Api) -> Result<Found> {
    let demo = Api::enter(gateway, DEMO, "", PASSWORD).await?;
    let what = "what there is";
    let ask = "{ links { edges { node { code } } } orders { edges { node { id } } } }";
    let own = demo.ask(what, ask, &Value::Null).await?.data()?;
    let products = "{ products { edges { node { id sku } } } }";
    let products = operator.ask(what, products, &Value::Null).await?.data()?;
    let list = |value: &Value| value["edges"].as_array().cloned().unwrap_or_default();
    let mut links: Vec<_> = list(&own["links"]).iter().map(|link| link["node"]["code"].to_string()).collect();
    links.sort();
    let mut stock = Vec::new();
    for edge in list(&products["products"]) {
        let id = edge["node"]["id"].as_str().context("a product without an id")?;
        let path = format!("/api/inventory/v1/products/{id}/stock/operations");
        let operations = operator.get(what, &path).await?;
        let operations = operations["items"].as_array().into_iter().flatten().map(|item| &item["operation"]);
        let increases = operations.filter(|operation| operation["kind"] == "increase");
        let pieces = increases.filter_map(|it| it["quantity"].as_i64()).sum();
        stock.push((edge["node"]["sku"].as_str().unwrap_or_default().to_owned(), pieces));
    }
    stock.sort();
    Ok(Found { links, stock, orders: list(&own["orders"]).len() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_for_services_that_are_not_back_and_changes_nothing_that_is_there() -> Result<()> {
    let sandbox = Sandbox::new().await?;
    let units: Vec<&str> = UNITS.iter().map(|unit| unit.name).collect();
    let stack = Stack::start(&sandbox, &units).await?;
    let (gateway, operator) = (stack.url("gateway"), sandbox.operator());

    stack.kill9("orders").await?;
    stack.kill9("inventory").await?;
    open_breaker(&stack, operator).await?;
    let seed = super::run(&gateway, PASSWORD, operator);
    let revive = async {
        stack.restart("inventory").await?;
        stack.restart("orders").await
    };
    tokio::try_join!(seed, revive)?;

    let operator_api = Api::enter(&gateway, &operator.email, "", &operator.password).await?;
    let first = found(&gateway, &operator_api).await?;
    assert_eq!((first.links.len(), first.orders), (super::LINKS.len(), 1));
    let mut expected: Vec<_> = PRODUCTS.iter().map(|it| (it.0.to_owned(), i64::from(it.3))).collect();
    expected.sort();
    assert_eq!(first.stock, expected);

    super::run(&gateway, PASSWORD, operator).await?;
    assert_eq!(found(&gateway, &operator_api).await?, first);
    Ok(())
}

/// Asks for orders until the gateway asks the service no more.
async fn open_breaker(stack: &Stack, operator: &kit::environment::Operator) -> Result<()> {
    let gateway = stack.url("gateway");
    let login = json!({ "query": "mutation($input: LoginInput!) { login(input: $input) { accessToken } }",
        "variables": { "input": { "email": operator.email, "password": operator.password } } });
    let post = |body: Value| kit::http::client().post(format!("{gateway}/graphql")).json(&body);
    let session: Value = post(login).send().await?.json().await?;
    let token = session["data"]["login"]["accessToken"].as_str().context("a token")?.to_owned();
    eventually(LIMIT, "the breaker of orders to open", async || {
        let ask = post(json!({ "query": "{ orders { edges { cursor } } }" })).bearer_auth(&token);
        let answer: Value = ask.send().await?.json().await?;
        let away = &answer["errors"][0]["extensions"];
        Ok((away["code"] == "unavailable" && away["retryAfterMs"].is_number()).then_some(()))
    })
    .await
}
