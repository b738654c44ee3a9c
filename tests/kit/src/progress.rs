//! Steps that a person watches: each one is named, timed, and never silent for long.

use std::future::Future;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use anyhow::Result;

/// After this long a step that still runs says so, and again after each further one.
const PATIENCE: Duration = Duration::from_secs(2);
const REMINDER: Duration = Duration::from_secs(10);

/// Runs one step and tells how long it took; one that takes over two seconds is announced while it runs.
///
/// # Errors
/// Those of the step.
pub async fn step<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let began = Instant::now();
    let mut work = std::pin::pin!(work);
    let mut pause = PATIENCE;
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            () = tokio::time::sleep(pause) => {
                say(&format!("  …  {what} ({:.0} s so far)", began.elapsed().as_secs_f64()));
                pause = REMINDER;
            }
        }
    };
    let mark = if outcome.is_ok() { "ok" } else { "!!" };
    say(&format!("  {mark} {what} ({:.1} s)", began.elapsed().as_secs_f64()));
    outcome
}

/// Writes one line for the person who watches; to standard error, so that output stays clean.
pub fn say(line: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn a_step_hands_on_its_outcome() {
        assert_eq!(super::step("adding", async { Ok(1 + 1) }).await.unwrap(), 2);
        assert!(super::step::<()>("failing", async { anyhow::bail!("no") }).await.is_err());
    }
}
