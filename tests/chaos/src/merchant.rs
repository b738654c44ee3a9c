//! A merchant who makes links while things are killed, and repeats each request until it is answered.

use crate::{PATIENCE, client};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{task::JoinHandle, time::interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often a link is made.
const PACE: Duration = Duration::from_millis(100);

/// A merchant at work.
pub struct Merchant {
    stop: CancellationToken,
    task: JoinHandle<Vec<String>>,
}

impl Merchant {
    /// Lets a merchant with `token` make links at the shortener at `url`.
    #[must_use]
    pub fn start(url: &str, token: &str) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(make_links(format!("{url}/v1/links"), token.to_owned(), stop.clone()));
        Self { stop, task }
    }

    /// Stops after the link under way is answered, and tells the codes of all that were.
    ///
    /// # Panics
    /// Panics when the load itself broke.
    pub async fn stop(self) -> Vec<String> {
        self.stop.cancel();
        self.task.await.expect("the merchant's task")
    }
}

async fn make_links(url: String, token: String, stop: CancellationToken) -> Vec<String> {
    let (client, mut ticks, mut codes) = (client(), interval(PACE), Vec::new());
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let key = Uuid::now_v7().to_string();
        // Repeated with the same key, as a client should, whatever went wrong.
        let code = loop {
            let request = client.post(&url).bearer_auth(&token).header("idempotency-key", &key);
            let body = json!({"url": format!("https://example.com/{key}")});
            if let Some(code) = code(request.json(&body).timeout(PATIENCE)).await {
                break code;
            }
            ticks.tick().await;
        };
        codes.push(code);
    }
    codes
}

async fn code(request: reqwest::RequestBuilder) -> Option<String> {
    let answer = request.send().await.ok()?.error_for_status().ok()?;
    let link: Value = answer.json().await.ok()?;
    Some(link["code"].as_str()?.to_owned())
}
