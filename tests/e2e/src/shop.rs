//! What orders need: products with stock, buyers who can pay, and a payment provider that can be disturbed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kit::{eventually, secrets};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Client, Platform, User};

/// How long an order may take until it has come to rest, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked of every order.
pub const ORDER: &str = "id status cancelling total { minor currency formatted } placedAt version
    items { productName quantity unitPrice { minor } total { minor } product { id sku stock { available } } }
    customer { id email } payment { status amount { minor } refunded { minor } declineReason }
    rejection { reason detail } cancellation { by reason } link { code } history { type version }";

/// Somebody who buys.
#[derive(Debug, Clone)]
pub struct Buyer {
    pub user: User,
    pub payment_method: String,
}

impl Platform {
    /// Puts a product on sale, with so many pieces of it, and waits until orders knows it. Tells its id. When it is
    /// refused.
    pub async fn product(&self, name: &str, minor: i64, pieces: u32) -> Result<String> {
        let operator = self.operator().await?.client;
        let sku = format!("{}-{}", name.to_uppercase(), &secrets::generate()[..8]);
        let input = json!({ "sku": sku, "name": name, "price": { "minor": minor, "currency": "BRL" } });
        let create = "mutation($input: CreateProductInput!) { createProduct(input: $input) { id } }";
        let data = operator.ask(create, json!({ "input": input })).await?.data().context("making a product")?;
        let id = data["createProduct"]["id"].as_str().context("a product without an id")?.to_owned();
        let input = json!({ "productId": id, "kind": "INCREASE", "quantity": pieces, "reason": "opening" });
        let stock = "mutation($input: ChangeStockInput!, $key: String!) {
            changeStock(input: $input, idempotencyKey: $key) { stock { available } } }";
        let data = operator.ask(stock, json!({ "input": input, "key": secrets::generate() })).await?.data()?;
        ensure!(data["changeStock"]["stock"]["available"] == pieces, "{data}");
        self.is_on_sale(&id).await?;
        Ok(id)
    }

    /// Waits until orders has heard of a product: it refuses an order for another reason.
    async fn is_on_sale(&self, product: &str) -> Result<()> {
        let nobody = self.user("Curious").await?;
        eventually(PATIENCE, "orders to know the product", async || {
            let input = json!({ "items": [{ "productId": product, "quantity": 1 }], "paymentMethodId": product });
            let refusal = nobody.try_order(input, "try").await?.error()?.to_string();
            Ok((!refusal.contains("productId")).then_some(()))
        })
        .await
    }

    /// Somebody who has registered, told who they are, and how they pay: `tok_visa_ok` does, `tok_visa_declined` not.
    /// When it is refused.
    pub async fn buyer(&self, name: &str, token: &str) -> Result<Buyer> {
        let user = self.user(name).await?;
        let save = "mutation($input: CustomerInput!) { saveCustomer(input: $input) { paymentMethods { id } } }";
        let address = json!({
            "street": "Rua das Flores", "number": "10", "city": "São Paulo", "state": "SP", "zipCode": "01000-000",
            "country": "BR",
        });
        let input = json!({
            "email": user.email, "document": "529.982.247-25", "fullName": name, "phone": "+5511987654321",
            "shippingAddress": address,
            "paymentMethods": [{ "providerToken": token, "kind": "CREDIT_CARD", "lastFour": "4242", "expiry": "2031-12" }],
        });
        let data = user.client.ask(save, json!({ "input": input })).await?.data().context("saving a customer")?;
        let method = &data["saveCustomer"]["paymentMethods"][0]["id"];
        let payment_method = method.as_str().context("no means of payment")?.to_owned();
        Ok(Buyer { user, payment_method })
    }

    /// The payment provider's own address, with the secret that opens it. When the provider is not in the stack.
    pub fn provider(&self) -> Result<Client> {
        let environment = self.stack.environment("providers")?;
        let secret = environment.get("PROVIDERS_SECRET").context("the provider has no secret")?;
        Ok(Client::new(self.stack.url("providers")).with_token(secret))
    }

    /// Switches faults of the payment provider on, and all others off. When it is refused.
    pub async fn disturb(&self, faults: Value) -> Result<()> {
        let body = json!({ "faults": faults });
        let answer = self.provider()?.put_json(Method::PUT, "/payments/v1/faults", &body).await?;
        ensure!(answer.status.is_success(), "{}", answer.text());
        Ok(())
    }

    /// The provider's charges for an order, whatever came of them. When the provider does not answer.
    pub async fn charges(&self, order: &str) -> Result<Vec<Value>> {
        let ledger = self.provider()?.get("/payments/v1/ledger").await?.json()?;
        let all = ledger["charges"].as_array().context("a ledger without charges")?;
        let is_its = |charge: &&Value| charge["idempotency_key"].as_str().is_some_and(|key| key.starts_with(order));
        Ok(all.iter().filter(is_its).cloned().collect())
    }
}

impl User {
    /// Asks for an order, and tells what is answered. When there is no answer.
    pub async fn try_order(&self, input: Value, key: &str) -> Result<crate::Answer> {
        let place = "mutation($input: PlaceOrderInput!, $key: String!) {
            placeOrder(input: $input, idempotencyKey: $key) { id status } }";
        self.client.ask(place, json!({ "input": input, "key": key })).await
    }

    /// One of the user's orders, with all that belongs to it. When there is none.
    pub async fn order(&self, id: &str) -> Result<Value> {
        let query = format!("query($id: ID!) {{ order(id: $id) {{ {ORDER} }} }}");
        let mut data = self.client.ask(&query, json!({ "id": id })).await?.data()?;
        ensure!(!data["order"].is_null(), "there is no order {id}");
        Ok(data["order"].take())
    }

    /// Waits until an order is where it is expected, and tells it whole. When it never gets there.
    pub async fn order_becomes(&self, id: &str, status: &str) -> Result<Value> {
        eventually(PATIENCE, &format!("the order to be {status}"), async || {
            let order = self.order(id).await?;
            ensure!(order["status"] == status, "{order}");
            Ok(Some(order))
        })
        .await
    }
}

impl Buyer {
    /// Orders so many pieces of a product, and tells the order's id. When it is refused.
    pub async fn buy(&self, product: &str, quantity: u32) -> Result<String> {
        self.buy_by(product, quantity, None).await
    }

    /// Like [`buy`](Self::buy), brought by a link. When it is refused.
    pub async fn buy_by(&self, product: &str, quantity: u32, link: Option<&str>) -> Result<String> {
        let input = self.basket(product, quantity, link);
        let data = self.user.try_order(input, &secrets::generate()).await?.data().context("placing an order")?;
        ensure!(data["placeOrder"]["status"] == "PENDING", "{data}");
        Ok(data["placeOrder"]["id"].as_str().context("an order without an id")?.to_owned())
    }

    /// What is sent to order something.
    #[must_use]
    pub fn basket(&self, product: &str, quantity: u32, link: Option<&str>) -> Value {
        json!({
            "items": [{ "productId": product, "quantity": quantity }],
            "paymentMethodId": self.payment_method, "linkCode": link,
        })
    }
}
