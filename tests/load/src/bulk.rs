//! 5,000 links in one request, beside the same links one by one.

use crate::report::{figure, median, title};
use harness::Issuer;
use kit::{Engine, Sandbox, Stack};
use serde_json::{Value, json};
use std::time::Instant;
use uuid::Uuid;

/// The most links of one request.
const LINKS: usize = 5_000;
const ROUNDS: usize = 3;
/// How many links are made one by one: enough for a rate.
const SINGLE: usize = 500;

pub(crate) async fn run() -> anyhow::Result<()> {
    title("5,000 links in one request");
    let sandbox = Sandbox::only(&[Engine::Mongo, Engine::Redis, Engine::Rabbitmq]).await?;
    let issuer = Issuer::start().await?;
    let stack = Stack::builder(&sandbox)
        .env("shortener", "SHORTENER_JWT__JWKS_URL", issuer.jwks_url())
        .start(&["shortener"])
        .await?;
    let token = issuer.token(Uuid::now_v7(), &["user"]);
    let (url, client) = (stack.url("shortener"), chassis::client::new());
    let link = |n: usize| json!({"url": format!("https://example.com/target/{n}"), "tags": ["bench"]});
    let post = async |path: &str, body: &Value| {
        let request = client.post(format!("{url}/v1/links{path}")).bearer_auth(&token);
        anyhow::Ok(request.json(body).send().await?.error_for_status()?.json::<Value>().await?)
    };
    let many = json!({"links": (0..LINKS).map(link).collect::<Vec<_>>()});
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let answer = post("/bulk", &many).await?;
        took.push(began.elapsed().as_secs_f64());
        let made =
            answer["results"].as_array().map_or(0, |all| all.iter().filter(|one| one["link"].is_object()).count());
        anyhow::ensure!(made == LINKS, "{made} links of {LINKS} were made");
    }
    figure("in one request (aim: under 3 s)", format!("{:.2} s", median(&took)));
    let began = Instant::now();
    for n in 0..SINGLE {
        post("", &link(n)).await?;
    }
    let one_by_one = began.elapsed().as_secs_f64() / SINGLE as f64 * LINKS as f64;
    figure("one by one, at the rate of 500 of them", format!("{one_by_one:.2} s"));
    Ok(())
}
