//! Probes an upstream when its breaker asks. So an open breaker closes without traffic, and one caller's failures open
//! nothing while the upstream answers.

use crate::upstream::Upstream;
use crate::upstream::transport::lacks_descriptors;
use breaker::{Breaker, Question, Word};
use http::StatusCode;
use std::time::Duration;
use tokio::time::sleep;

/// The pause between two probes.
const PAUSE: Duration = Duration::from_millis(250);
/// The timeout of a probe. Services answer both from memory.
const PATIENCE: Duration = Duration::from_millis(500);

/// Probes one upstream whenever its breaker asks, one probe at a time. Runs until dropped.
pub async fn run(upstream: Upstream) {
    let client = chassis::client::new();
    ask_for(upstream.breaker(), |question| ask(&upstream, &client, question)).await;
}

async fn ask_for<F: Future<Output = Option<Word>>>(breaker: &Breaker, ask: impl Fn(Question) -> F) {
    loop {
        breaker.doubted().await;
        let question = if breaker.asks(Question::Live) { Question::Live } else { Question::Ready };
        if let Some(word) = ask(question).await {
            breaker.answered(question, word);
        }
        sleep(PAUSE).await;
    }
}

/// Returns `None` when a probe failed for a reason of our own.
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

#[cfg(test)]
mod tests {
    use super::*;
    use breaker::{Outcome, Recovery, Registry, State};
    use std::cell::Cell;
    use tokio::time::Instant;

    async fn until(breaker: &Breaker, state: State) {
        while breaker.state(0) != state {
            sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_breaker_is_closed_less_than_two_seconds_after_the_upstream_is_well_again() {
        for (word, takes) in [(Word::No, Duration::ZERO), (Word::Nothing, PATIENCE)] {
            let breaker = Registry::new(10).breaker("test", &["read"], Recovery::Probe);
            let is_well = Cell::new(false);
            let asking = ask_for(&breaker, |_| async {
                if is_well.get() {
                    return Some(Word::Yes);
                }
                sleep(takes).await;
                Some(word)
            });
            let story = async {
                breaker.acquire(0, "ana").expect("it is closed").finish(Outcome::Unable);
                until(&breaker, State::Open).await;
                // Again a question was asked in vain: the next one is as far away as it can be.
                sleep(PAUSE + Duration::from_millis(10)).await;
                is_well.set(true);
                let began = Instant::now();
                until(&breaker, State::Closed).await;
                assert!(began.elapsed() < Duration::from_secs(2), "{word:?}: {:?}", began.elapsed());
            };
            tokio::select! {
                () = asking => unreachable!("it asks for ever"),
                () = story => {}
            }
        }
    }
}
