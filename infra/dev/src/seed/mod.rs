//! Demo data, made through the public API as any client would: a merchant with links and clicks, products on sale, and
//! an order that a link brought.

mod shop;

use anyhow::{Context as _, Result, ensure};
use kit::http::client;
use reqwest::header::{LOCATION, REFERER, USER_AGENT};
use serde_json::{Value, json};

use crate::site::{DEMO, Stack, url};

/// Code, target and title of the demo links.
pub(crate) const LINKS: &[(&str, &str, &str)] = &[
    ("spring26", "https://example.com/collections/spring", "Spring collection"),
    ("sneakers", "https://example.com/products/sneakers?utm_source=vitrine", "Sneakers"),
    ("lookbook", "https://example.com/lookbook", "Lookbook"),
];

/// Who clicks: browser and where it comes from.
const VISITORS: &[(&str, &str)] = &[
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
        "https://www.instagram.com/",
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
        "https://l.facebook.com/",
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "https://news.example.org/"),
    ("Googlebot/2.1 (+http://www.google.com/bot.html)", ""),
];

/// Makes what is missing. Links that exist are left alone, and get no further clicks.
pub(crate) async fn run(site: &mut Stack) -> Result<()> {
    let demo = Api::enter(DEMO, "Demo Merchant", &site.demo_password()?).await?;
    let operator = site.wiring()?.operator;
    let operator = Api::enter(&operator.email, "Operator", &operator.password).await?;
    for (index, &(code, target, title)) in LINKS.iter().enumerate() {
        if demo.create(code, target, title).await? {
            demo.click(code, 3 * (LINKS.len() - index)).await?;
        }
    }
    shop::open(&operator).await?;
    shop::buy(&demo, LINKS[1].0).await
}

/// The gateway, as a client sees it.
struct Api {
    token: Option<String>,
}

impl Api {
    /// Logs somebody in, or registers them.
    async fn enter(email: &str, name: &str, password: &str) -> Result<Self> {
        let mut api = Self { token: None };
        let input = json!({ "email": email, "password": password });
        let login = "mutation($input: LoginInput!) { session: login(input: $input) { accessToken } }";
        let mut answer = api.ask(login, json!({ "input": input })).await?;
        if answer["data"]["session"].is_null() {
            let input = json!({ "email": email, "password": password, "fullName": name });
            let register = "mutation($input: RegisterInput!) { session: register(input: $input) { accessToken } }";
            answer = api.ask(register, json!({ "input": input })).await?;
        }
        let token = answer["data"]["session"]["accessToken"].as_str();
        api.token = Some(token.with_context(|| format!("logging {email} in: {}", answer["errors"]))?.to_owned());
        Ok(api)
    }

    /// Creates a link; tells whether it is new.
    async fn create(&self, code: &str, target: &str, title: &str) -> Result<bool> {
        let input = json!({ "code": code, "url": target, "title": title, "tags": ["demo"] });
        let create = "mutation($input: CreateLinkInput!) { createLink(input: $input) { code } }";
        let answer = self.ask(create, json!({ "input": input })).await?;
        let taken = answer["errors"][0]["extensions"]["code"] == "code_taken";
        ensure!(taken || answer["data"]["createLink"].is_object(), "creating the link {code}: {}", answer["errors"]);
        Ok(!taken)
    }

    async fn click(&self, code: &str, times: usize) -> Result<()> {
        for (agent, referrer) in VISITORS.iter().cycle().take(times) {
            let request = client().get(format!("{}/r/{code}", url("gateway")));
            let answer = request.header(USER_AGENT, *agent).header(REFERER, *referrer).send().await?;
            ensure!(answer.headers().contains_key(LOCATION), "clicking {code}: {}", answer.status());
        }
        Ok(())
    }

    async fn ask(&self, query: &str, variables: Value) -> Result<Value> {
        let request = client().post(format!("{}/graphql", url("gateway")));
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.json(&json!({ "query": query, "variables": variables })).send().await?;
        answer.json().await.context("reading the gateway's answer")
    }
}
