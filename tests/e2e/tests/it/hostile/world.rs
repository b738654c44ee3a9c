//! A shop in which every operation has something to be about, and what each field properly holds.

use anyhow::{Context as _, Result};
use e2e_tests::{Client, Platform};
use reqwest::Method;
use serde_json::{Value, json};

/// The id of nothing.
const SOME_ID: &str = "01936b2e-5a00-7000-8000-000000000001";
/// The breaker that operators hold.
pub(super) const HELD: &str = "payments";
/// Replaced by another number in every request.
pub(super) const UNIQUE: &str = "@unique@";

/// Those who ask, and what they ask about.
pub(super) struct World {
    pub(super) platform: Platform,
    pub(super) nobody: Client,
    pub(super) user: Client,
    pub(super) operator: Client,
    pub(super) link: String,
    pub(super) product: String,
    pub(super) order: String,
    pub(super) payment_method: String,
    payment: String,
    customer: String,
}

impl World {
    /// Starts all units, with limits of requests that no test reaches, and buys something.
    pub(super) async fn start() -> Result<Self> {
        let platform = Platform::unlimited().await?;
        let buyer = platform.buyer("Ana", "tok_visa_ok").await?;
        let product = platform.product("Mug", 1_990, 1_000).await?;
        let link = buyer.user.create_link(json!({ "url": "https://shop.example/", "code": "hostile" })).await?;
        let input = json!({
            "items": [{ "productId": product, "quantity": 1 }], "paymentMethodId": buyer.payment_method,
        });
        let placed = buyer.user.try_order(input, "first").await?.data()?;
        let order = placed["placeOrder"]["id"].as_str().context("an order without an id")?.to_owned();
        buyer.user.order_becomes(&order, "CONFIRMED").await?;
        let client = &buyer.user.client;
        let payment = client.get(&format!("/api/payments/v1/orders/{order}/payment")).await?.success()?;
        let customer = client.get("/api/orders/v1/customer").await?.success()?;
        Ok(Self {
            nobody: platform.visitor(),
            user: client.clone(),
            operator: platform.operator().await?.client,
            link,
            product,
            order,
            payment_method: buyer.payment_method.clone(),
            payment: payment["id"].as_str().context("a payment without an id")?.to_owned(),
            customer: customer["id"].as_str().context("a customer without an id")?.to_owned(),
            platform,
        })
    }

    /// What a parameter of a path is properly.
    pub(super) fn parameter(&self, method: &Method, path: &str, name: &str) -> &str {
        match name {
            // Deleted, it would be nothing for the others.
            "code" if *method == Method::DELETE => "no-such-link",
            "code" => &self.link,
            "order_id" => &self.order,
            _ if path.starts_with("/breakers") => HELD,
            _ if path.starts_with("/v1/orders") || path.starts_with("/v1/sagas") => &self.order,
            _ if path.starts_with("/v1/products") => &self.product,
            _ if path.starts_with("/v1/payments") => &self.payment,
            _ if path.starts_with("/v1/customers") => &self.customer,
            _ => SOME_ID,
        }
    }

    /// What a field of a body is properly, where its type does not say it.
    pub(super) fn field(&self, unit: &str, operation: &str, name: &str) -> Option<Value> {
        let value = match name {
            "email" => json!(format!("h{UNIQUE}@example.com")),
            "password" | "new_password" | "current_password" => json!("correct horse battery"),
            "document" => json!("529.982.247-25"),
            "full_name" | "name" => json!("Ana"),
            "phone" => json!("+5511987654321"),
            "country" => json!("BR"),
            "state" if unit == "gateway" => json!("open"),
            "state" => json!("SP"),
            "zip_code" => json!("01000-000"),
            "url" | "fallback_url" => json!("https://shop.example/"),
            "codes" => json!([self.link]),
            "tags" => json!(["a"]),
            "redirect_status" => json!(302),
            "expires_at" => json!("2099-01-01T00:00:00Z"),
            "from" => json!("2026-01-01T00:00:00Z"),
            "to" => json!("2026-01-20T00:00:00Z"),
            "time_zone" => json!("America/Sao_Paulo"),
            "sku" => json!(format!("H-{UNIQUE}")),
            "currency" => json!("BRL"),
            "product_id" => json!(self.product),
            "payment_method_id" => json!(self.payment_method),
            "provider_token" => json!("tok_visa_ok"),
            "last_four" => json!("4242"),
            "expiry" => json!("2031-12"),
            "order_ids" => json!([self.order]),
            "ids" if operation.contains("/products") => json!([self.product]),
            "ids" if operation.contains("/customers") => json!([self.customer]),
            "ids" if operation.contains("/orders") => json!([self.order]),
            "consumer" => json!(match unit {
                "auth" | "orders" => format!("{unit}.sagas"),
                "shortener" => "shortener.accounts".to_owned(),
                "analytics" => "analytics.links".to_owned(),
                _ => format!("{unit}.commands"),
            }),
            _ => return None,
        };
        Some(value)
    }
}

/// Fields that a proper body leaves out: they exclude others, or must be like something that is not known here.
pub(super) const LEFT_OUT: [&str; 5] = ["code", "subject", "expected_total", "link_code", "id"];
