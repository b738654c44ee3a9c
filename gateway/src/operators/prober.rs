//! Asks half-open upstreams how they are, so that a breaker closes by itself where no traffic would try it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use breaker::{Breaker, Outcome, Registry, State};
use parking_lot::Mutex;
use tokio::time::{sleep, timeout};

use crate::upstream::{Upstream, Upstreams};

/// How long between two questions.
const PAUSE: Duration = Duration::from_millis(500);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches the breakers and asks each upstream that is half-open until it is no more. Runs until dropped.
pub async fn run(breakers: Registry, upstreams: Upstreams) {
    let client = chassis::client::new();
    let asked: Arc<Mutex<HashSet<String>>> = Arc::default();
    let mut moves = breakers.journal().subscribe(breakers.journal().latest());
    loop {
        let transition = moves.next().await;
        let Some(upstream) = upstreams.get(&transition.breaker) else { continue };
        let is_news = transition.change.to == State::HalfOpen && asked.lock().insert(upstream.name().to_owned());
        if is_news {
            let (upstream, client, asked) = (upstream.clone(), client.clone(), Arc::clone(&asked));
            tokio::spawn(async move {
                ask_until_moved(&upstream, &client).await;
                asked.lock().remove(upstream.name());
            });
        }
    }
}

async fn ask_until_moved(upstream: &Upstream, client: &reqwest::Client) {
    while upstream.breaker().state() == State::HalfOpen {
        ask(upstream.breaker(), upstream.config().url(), client).await;
        sleep(PAUSE).await;
    }
}

/// Takes one of the half-open permits for one question. An upstream that says that it is not ready may be so for
/// reasons that its callers never meet: only silence counts against it.
async fn ask(breaker: &Breaker, base: &url::Url, client: &reqwest::Client) {
    let (Ok(permit), Ok(url)) = (breaker.acquire(), base.join("/health/ready")) else { return };
    let outcome = match timeout(PATIENCE, client.get(url).send()).await {
        Ok(Ok(answer)) if answer.status().is_success() => Outcome::Success,
        Ok(Ok(_)) => Outcome::Neutral,
        Ok(Err(_)) | Err(_) => Outcome::Failure,
    };
    permit.finish(outcome);
}
