//! Asks an upstream how it is, whenever its breaker wants to know. So an open breaker closes by itself where no traffic
//! would try it, and one caller's bad luck opens nothing as long as the upstream says that it lives.

use std::time::Duration;

use breaker::{Question, Word};
use http::StatusCode;
use tokio::time::sleep;

use crate::upstream::Upstream;
use crate::upstream::transport::lacks_descriptors;

/// How long between two questions.
const PAUSE: Duration = Duration::from_millis(250);
/// How long an answer may take: both are answered from memory.
const PATIENCE: Duration = Duration::from_millis(500);

/// Asks one upstream whatever its breaker wants to know, one question at a time. Runs until dropped.
pub async fn run(upstream: Upstream) {
    let client = chassis::client::new();
    let breaker = upstream.breaker();
    loop {
        breaker.doubted().await;
        let question = if breaker.asks(Question::Live) { Question::Live } else { Question::Ready };
        if let Some(word) = ask(&upstream, &client, question).await {
            breaker.answered(question, word);
        }
        sleep(PAUSE).await;
    }
}

/// Returns nothing when the upstream could not be asked for a reason of our own.
async fn ask(upstream: &Upstream, client: &reqwest::Client, question: Question) -> Option<Word> {
    let path = match question {
        Question::Live => "/health/live",
        Question::Ready => "/health/ready",
    };
    let url = upstream.config().url().join(path).ok()?;
    match client.get(url).timeout(PATIENCE).send().await {
        Ok(answer) if question == Question::Ready && answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
            Some(Word::No)
        }
        Ok(_) => Some(Word::Yes),
        Err(error) if lacks_descriptors(&error) => None,
        Err(_) => Some(Word::Nothing),
    }
}
