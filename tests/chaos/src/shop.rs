//! A shop: products with stock, and buyers with means of payment.

use crate::client;
use anyhow::Context as _;
use contracts::{
    money::{Currency, Money},
    rest::{
        inventory::{CreateProduct, Product},
        orders::{Customer, Order, OrderPage},
    },
};
use harness::Issuer;
use kit::{Stack, eventually};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// How long setting up may take, copies of products included.
const SETUP: Duration = Duration::from_secs(60);

/// What a shop opens with.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// How many pieces there are of each product.
    pub stock: &'a [u32],
    /// The provider's token that each buyer pays with.
    pub tokens: &'a [&'a str],
}

impl Opening<'static> {
    /// Half of the products are scarce, and of four buyers one cannot pay.
    pub const ADVERSE: Self = Self {
        stock: &[100_000, 20, 100_000, 20, 100_000, 20, 100_000, 20],
        tokens: &["tok_visa_ok", "tok_pix_ok", "tok_visa_declined", "tok_debit_ok"],
    };
}

/// A shop that is open.
pub struct Shop {
    /// Base URL of orders.
    pub orders: String,
    pub products: Vec<Uuid>,
    pub buyers: Vec<Buyer>,
}

/// Somebody who buys.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// The access token.
    pub token: String,
    pub payment_method_id: Uuid,
}

impl Shop {
    /// Stocks products and signs up buyers. Fails when a service refuses, or orders does not hear of the products.
    pub async fn open(stack: &Stack, issuer: &Issuer, opening: Opening<'_>) -> anyhow::Result<Self> {
        let operator = issuer.token(Uuid::now_v7(), &["user", "operator"]);
        let (inventory, orders) = (stack.url("inventory"), stack.url("orders"));
        let mut products = Vec::new();
        for (number, stock) in opening.stock.iter().enumerate() {
            products.push(stocked(&inventory, &operator, number, *stock).await?);
        }
        let mut buyers = Vec::new();
        for (number, token) in opening.tokens.iter().enumerate() {
            buyers.push(signed_up(&orders, issuer.token(Uuid::now_v7(), &["user"]), number, token).await?);
        }
        let shop = Self { orders, products, buyers };
        eventually(SETUP, "orders to know the products", async || shop.tries_all_products().await).await?;
        Ok(shop)
    }

    /// An order that `number` and `seed` decide on: the same ones in every run.
    #[must_use]
    pub fn basket(&self, number: u64, seed: u64) -> (&Buyer, Value) {
        let mut chance = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let buyer = &self.buyers[chance.random_range(0..self.buyers.len())];
        let first = chance.random_range(0..self.products.len());
        let count = chance.random_range(1..=3);
        let items: Vec<Value> = (first..first + count)
            .map(|place| self.products[place % self.products.len()])
            .map(|product| json!({"product_id": product, "quantity": chance.random_range(1..=2)}))
            .collect();
        (buyer, json!({"items": items, "payment_method_id": buyer.payment_method_id}))
    }

    /// Every order of every buyer. Fails when orders does not answer.
    pub async fn placed(&self) -> anyhow::Result<Vec<Order>> {
        let mut orders = Vec::new();
        for buyer in &self.buyers {
            let mut after = None::<String>;
            loop {
                let request = client().get(format!("{}/v1/orders", self.orders)).query(&[("first", "100")]);
                let request = request.query(&after.map(|cursor| [("after", cursor)])).bearer_auth(&buyer.token);
                let page: OrderPage = request.send().await?.error_for_status()?.json().await?;
                after = page.items.last().map(|edge| edge.cursor.clone());
                orders.extend(page.items.into_iter().map(|edge| edge.order));
                if !page.has_next_page {
                    break;
                }
            }
        }
        Ok(orders)
    }

    /// Whether orders refuses none of the products as unknown: it is asked for an order that it must refuse for
    /// another reason.
    async fn tries_all_products(&self) -> anyhow::Result<Option<()>> {
        let items: Vec<_> = self.products.iter().map(|id| json!({"product_id": id, "quantity": 1})).collect();
        let body = json!({"items": items, "payment_method_id": Uuid::nil()});
        let request = client().post(format!("{}/v1/orders", self.orders)).bearer_auth(&self.buyers[0].token);
        let answer = request.header("idempotency-key", Uuid::now_v7().to_string()).json(&body).send().await?;
        let refusal = answer.text().await?;
        Ok((refusal.contains("payment_method_id") && !refusal.contains("product_id\"")).then_some(()))
    }
}

async fn stocked(inventory: &str, operator: &str, number: usize, stock: u32) -> anyhow::Result<Uuid> {
    let product = CreateProduct {
        sku: format!("PRODUCT-{number}"),
        name: format!("Product {number}"),
        description: None,
        price: Money::new(990 + i64::try_from(number)?, Currency::BRL),
        active: None,
    };
    let request = client().post(format!("{inventory}/v1/products")).bearer_auth(operator).json(&product);
    let product: Product = read(request).await.context("making a product")?;
    let path = format!("{inventory}/v1/products/{}/stock/operations", product.id);
    let request = client().post(path).bearer_auth(operator).header("idempotency-key", format!("stock-{number}"));
    let body = json!({"kind": "increase", "quantity": stock, "reason": "opening the shop"});
    read::<Value>(request.json(&body)).await.context("stocking a product")?;
    Ok(product.id)
}

async fn signed_up(orders: &str, token: String, number: usize, provider_token: &str) -> anyhow::Result<Buyer> {
    let address = json!({
        "street": "Rua das Flores", "number": "10", "city": "São Paulo", "state": "SP", "zip_code": "01000-000",
        "country": "BR",
    });
    let customer = json!({
        "email": format!("buyer-{number}@example.com"), "document": "529.982.247-25", "full_name": "Buyer", "shipping_address": address,
        "payment_methods": [{"provider_token": provider_token, "kind": "pix"}],
    });
    let request = client().request(Method::PUT, format!("{orders}/v1/customer")).bearer_auth(&token);
    let customer: Customer = read(request.json(&customer)).await.context("signing a buyer up")?;
    let method = customer.payment_methods.first().context("no means of payment")?;
    Ok(Buyer { payment_method_id: method.id, token })
}

async fn read<T: DeserializeOwned>(request: RequestBuilder) -> anyhow::Result<T> {
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    anyhow::ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}
