//! Waiting for a condition instead of for the clock.

use anyhow::{Result, anyhow};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Asks `probe` again and again until it answers `Some`, and gives that answer.
///
/// `None` and an error both mean "not yet". Pauses grow from 25 ms to 250 ms.
pub async fn eventually<T>(
    limit: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    loop {
        // A probe that hangs is as late as one that says no.
        let answer = tokio::time::timeout_at(deadline, probe()).await;
        let last = match answer {
            Ok(Ok(Some(value))) => return Ok(value),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(anyhow!("the probe itself did not answer in time")),
        };
        if Instant::now() + pause > deadline {
            let waited = format!("waited {:.1} s in vain for {what}", limit.as_secs_f64());
            return Err(last.map_or_else(|| anyhow!(waited.clone()), |error| error.context(waited.clone())));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::eventually;
    use std::time::Duration;

    #[tokio::test]
    async fn gives_the_first_answer() {
        let mut asked = 0;
        let answer = eventually(Duration::from_secs(5), "three questions", async || {
            asked += 1;
            Ok((asked == 3).then_some(asked))
        });
        assert_eq!(answer.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn names_what_it_waited_for_and_why() {
        let answer = eventually::<()>(Duration::from_millis(60), "rain", || async { anyhow::bail!("sunny") });
        let error = format!("{:#}", answer.await.unwrap_err());
        assert!(error.contains("rain") && error.contains("sunny"), "{error}");
    }

    #[tokio::test]
    async fn a_hanging_probe_does_not_hang_the_wait() {
        let answer = eventually::<()>(Duration::from_millis(60), "nothing", std::future::pending);
        assert!(answer.await.is_err());
    }
}
