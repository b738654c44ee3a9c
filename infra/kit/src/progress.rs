//! Steps that a person watches: each one is named, timed, and never silent for long.

use anyhow::Result;
use std::future::Future;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// After this long a step that still runs says so, and again after each further one.
const PATIENCE: Duration = Duration::from_secs(2);
const REMINDER: Duration = Duration::from_secs(10);

/// Moves to the beginning of the line on a terminal, and empties it.
const CLEAR: &str = "\r\x1b[2K";
/// How long a line may be that is to be emptied again: a longer one breaks.
const WIDTH: usize = 79;

/// Runs one step and tells how long it took; one that takes over two seconds is announced while it runs.
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
    let mut out = io::stderr().lock();
    let clear = if out.is_terminal() { CLEAR } else { "" };
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(out, "{clear}{line}");
}

/// Shows a line on a terminal until the next one is written.
pub fn live(line: &str) {
    let short: String = line.chars().take(WIDTH).collect();
    let mut out = io::stderr().lock();
    let _ = write!(out, "{CLEAR}{short}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn a_step_hands_on_its_outcome() {
        assert_eq!(super::step("adding", async { Ok(1 + 1) }).await.unwrap(), 2);
        assert!(super::step::<()>("failing", async { anyhow::bail!("no") }).await.is_err());
    }
}
