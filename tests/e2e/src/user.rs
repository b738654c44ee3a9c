//! Somebody with an account.

use std::time::Duration;

use anyhow::{Context as _, Result};
use kit::{eventually, secrets};
use serde_json::{Value, json};

use crate::Client;

/// How long statistics may take to follow the clicks.
const PATIENCE: Duration = Duration::from_secs(30);

const SESSION: &str = "accessToken refreshToken expiresIn user { id email fullName roles createdAt }";

/// Somebody with an account, and a session.
#[derive(Debug, Clone)]
pub struct User {
    pub email: String,
    pub password: String,
    /// The session as GraphQL told it.
    pub session: Value,
    /// Talks to the gateway with the session's access token.
    pub client: Client,
}

impl User {
    /// Opens an account under an e-mail that nobody else has. When it is refused.
    pub async fn register(client: &Client, name: &str) -> Result<Self> {
        let unique = secrets::generate()[..12].to_lowercase();
        let (email, password) = (format!("{}.{unique}@example.com", name.to_lowercase()), secrets::generate());
        let query = format!("mutation($input: RegisterInput!) {{ register(input: $input) {{ {SESSION} }} }}");
        let input = json!({ "email": email, "password": password, "fullName": name });
        let mut data = client.ask(&query, json!({ "input": input })).await?.data().context("registering")?;
        Self::new(client, &email, &password, data["register"].take())
    }

    /// Begins a session of an account. When it is refused.
    pub async fn log_in(client: &Client, email: &str, password: &str) -> Result<Self> {
        let query = format!("mutation($input: LoginInput!) {{ login(input: $input) {{ {SESSION} }} }}");
        let input = json!({ "email": email, "password": password });
        let mut data = client.ask(&query, json!({ "input": input })).await?.data().context("logging in")?;
        Self::new(client, email, password, data["login"].take())
    }

    fn new(client: &Client, email: &str, password: &str, session: Value) -> Result<Self> {
        let token = session["accessToken"].as_str().context("a session without an access token")?;
        let client = client.with_token(token);
        Ok(Self { email: email.to_owned(), password: password.to_owned(), session, client })
    }

    /// The access token.
    #[must_use]
    pub fn access_token(&self) -> &str {
        self.session["accessToken"].as_str().unwrap_or_default()
    }

    /// The refresh token.
    #[must_use]
    pub fn refresh_token(&self) -> &str {
        self.session["refreshToken"].as_str().unwrap_or_default()
    }

    /// Creates a link and tells its code. When it is refused.
    pub async fn create_link(&self, input: Value) -> Result<String> {
        let query = "mutation($input: CreateLinkInput!) { createLink(input: $input) { code } }";
        let data = self.client.ask(query, json!({ "input": input })).await?.data().context("creating a link")?;
        Ok(data["createLink"]["code"].as_str().context("a link without a code")?.to_owned())
    }

    /// Waits until the statistics of a link show so many clicks, bots included. When they do not.
    pub async fn sees_clicks(&self, code: &str, clicks: u64) -> Result<()> {
        let query = "query($code: String!) { link(code: $code) { clickCount stats(includeBots: true) { clicks } } }";
        eventually(PATIENCE, "the clicks to be counted", async || {
            let data = self.client.ask(query, json!({ "code": code })).await?.data()?;
            let (link, counted) = (&data["link"], json!(clicks));
            anyhow::ensure!(link["clickCount"] == counted && link["stats"]["clicks"] == counted, "{link}");
            Ok(Some(()))
        })
        .await
    }
}
