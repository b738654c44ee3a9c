//! Demo data, made through the public API as any client would: a merchant with links and clicks, products on sale, and
//! an order that a link brought.
//!
//! Each thing is looked for first, and made only if it is not there: what a run did not finish the next one does, and
//! nothing that somebody has changed meanwhile is changed back.

mod api;
mod shop;
#[cfg(test)]
mod tests;

use crate::site::DEMO;
use anyhow::{Result, bail};
use api::{Api, Reply};
use contracts::problem::Code;
use kit::environment::Operator;
use serde_json::json;

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

/// Makes what is missing. Waits for services that are not back yet.
pub(crate) async fn run(gateway: &str, demo_password: &str, operator: &Operator) -> Result<()> {
    let demo = Api::enter(gateway, DEMO, "Demo Merchant", demo_password).await?;
    let operator = Api::enter(gateway, &operator.email, "Operator", &operator.password).await?;
    for (index, link) in LINKS.iter().enumerate() {
        if create(&demo, link).await? {
            click(&demo, link.0, 3 * (LINKS.len() - index)).await?;
        }
    }
    shop::open(&operator).await?;
    shop::buy(&demo, LINKS[1].0).await
}

/// Creates a link; tells whether it is new. A code that is taken, also by a link that was deleted, is left alone.
async fn create(demo: &Api, &(code, target, title): &(&str, &str, &str)) -> Result<bool> {
    let create = "mutation($input: CreateLinkInput!) { createLink(input: $input) { code } }";
    let input = json!({ "input": { "code": code, "url": target, "title": title, "tags": ["demo"] } });
    match demo.ask(&format!("the link {code} to be made"), create, &input).await? {
        Reply::Data(_) => Ok(true),
        Reply::Refused(Code::CodeTaken, _) => Ok(false),
        Reply::Refused(code, message) => bail!("making a demo link: {code}: {message}"),
    }
}

async fn click(demo: &Api, code: &str, times: usize) -> Result<()> {
    for (agent, referrer) in VISITORS.iter().cycle().take(times) {
        demo.click(code, agent, referrer).await?;
    }
    Ok(())
}
