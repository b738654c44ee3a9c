//! A flood of connections takes a unit's last descriptors: it blames nobody for that, and answers again.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e_tests::Platform;
use futures::future::join_all;
use kit::eventually;
use serde_json::Value;
use tokio::net::TcpStream;

use super::sender;

const PATIENCE: Duration = Duration::from_secs(60);
/// How many descriptors the unit may still open: fewer than calls need connections.
const LEFT: usize = 6;
/// How many connections the flood makes.
const FLOOD: usize = 200;
/// How many clients have a connection before the flood.
const CLIENTS: usize = 16;
const LINKS: &str = "/api/shortener/v1/links";

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_descriptors_blames_no_service_and_answers_again() -> Result<()> {
    let platform = Platform::unlimited().await?;
    let (ana, operator) = (platform.user("Ana").await?, platform.operator().await?.client);
    let token = ana.session["accessToken"].as_str().context("a token")?;
    let url = format!("{}{LINKS}", platform.stack.url("gateway"));
    let asks = async |client: &reqwest::Client| {
        let answer = client.get(&url).bearer_auth(token).send().await?;
        anyhow::Ok((answer.status().as_u16(), answer.json::<Value>().await?))
    };
    let clients: Vec<reqwest::Client> = (0..CLIENTS).map(|_| reqwest::Client::new()).collect();
    // One after the other: each has its connection to the gateway, and all shared one to the service.
    for client in &clients {
        ensure!(asks(client).await?.0 == 200);
    }

    let flood = take_descriptors(&platform, "gateway").await?;
    let mut refused = 0;
    for answer in join_all(clients.iter().map(&asks)).await {
        let (status, body) = answer?;
        if status != 200 {
            ensure!(body["code"] == "overloaded", "{status}: {body}");
            refused += 1;
        }
    }
    ensure!(refused > 0, "every call found a descriptor");
    drop(flood);
    let served = async || {
        for client in &clients {
            ensure!(asks(client).await?.0 == 200);
        }
        Ok(Some(ana.client.get(LINKS).await?.success()?))
    };
    eventually(PATIENCE, "everybody to be served again", served).await?;
    sender::breakers_are_untouched(&platform, &operator).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_descriptors_answers_again() -> Result<()> {
    let platform = Platform::unlimited().await?;
    let ana = platform.user("Ana").await?;
    ana.client.get(LINKS).await?.success()?;
    let flood = take_descriptors(&platform, "shortener").await?;
    drop(flood);
    let served = async || {
        let answer = ana.client.get(LINKS).await?.success()?;
        Ok((answer["items"] != Value::Null).then_some(()))
    };
    eventually(PATIENCE, "the service to answer again", served).await
}

/// Connects to a unit until it has no descriptor left.
async fn take_descriptors(platform: &Platform, unit: &str) -> Result<Vec<TcpStream>> {
    let stack = &platform.stack;
    let most = stack.leave_descriptors(unit, LEFT)?;
    let url = stack.url(unit);
    let address = url.strip_prefix("http://").context("an address")?;
    let flood: Vec<TcpStream> =
        join_all((0..FLOOD).map(|_| TcpStream::connect(address))).await.into_iter().collect::<Result<_, _>>()?;
    let taken = async || Ok((stack.descriptors(unit)? >= most).then_some(()));
    eventually(PATIENCE, "the descriptors to be taken", taken).await?;
    Ok(flood)
}
