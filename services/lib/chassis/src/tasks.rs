//! Background tasks that are started again when they fail.

use backon::{BackoffBuilder, ExponentialBuilder};
use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, error, info_span};

/// How long a task must have run for its next failure to count as the first.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// Runs `task` until it returns `Ok` or `shutdown` is cancelled; restarts it, with growing delays
/// of 100 ms to 10 s, when it fails or panics.
pub fn supervise<F, Fut>(
    tracker: &TaskTracker,
    shutdown: CancellationToken,
    name: impl Into<Cow<'static, str>>,
    mut task: F,
) where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let name = name.into();
    let span = info_span!("task", task.name = &*name);
    let supervisor = async move {
        let mut delays = delays();
        // There from the start: an alert on its growth sees the first restart, too.
        let restarts = metrics::counter!("task_restarts_total", "task" => name.clone());
        loop {
            let began = Instant::now();
            let reason = match tokio::spawn(task().in_current_span()).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("{error:#}"),
                Err(panic) => panic.to_string(),
            };
            if shutdown.is_cancelled() {
                return;
            }
            if began.elapsed() > HEALTHY_AFTER {
                delays = self::delays();
            }
            let delay = delays.next().unwrap_or(Duration::from_secs(10));
            restarts.increment(1);
            error!(
                task.name = &*name,
                error = reason,
                delay_ms = delay.as_millis() as u64,
                "A background task failed and will be restarted."
            );
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = shutdown.cancelled() => return,
            }
        }
    };
    tracker.spawn(supervisor.instrument(span));
}

/// The delays between attempts to reach what is away: 100 ms, doubling to 10 s, with jitter.
pub fn delays() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(10))
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_task_that_fails_or_panics_is_started_again() {
        let (tracker, runs) = (TaskTracker::new(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&runs);
        supervise(&tracker, CancellationToken::new(), "test", move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match run {
                    0 => anyhow::bail!("first run fails"),
                    1 => panic!("second run panics"),
                    _ => Ok(()),
                }
            }
        });
        tracker.close();
        tracker.wait().await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }
}
