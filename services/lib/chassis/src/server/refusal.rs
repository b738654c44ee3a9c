//! What a connection hears that has no place.

use contracts::problem::{Code, MEDIA_TYPE, Problem};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// How many connections are refused in words at once. Further ones are closed without.
const AT_ONCE: usize = 64;
/// How long a refused connection may take to ask, and to hear the answer out.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many bytes of it are read, so that no reset overtakes the answer.
const READ: u64 = 64 * 1024;

/// Tells those who have no place that the unit is busy: `overloaded`, which no breaker counts against it. A connection that
/// was just closed would look broken.
pub(super) struct Refusals {
    turns: Arc<Semaphore>,
    answer: Arc<[u8]>,
}

impl Default for Refusals {
    fn default() -> Self {
        let problem = Problem::new(Code::Overloaded, "Too many connections are open: try again later.");
        let body = serde_json::to_string(&problem).expect("a problem is JSON");
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {}\r\nretry-after: 1\r\n\
             cache-control: no-store\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), answer: answer.into_bytes().into() }
    }
}

impl Refusals {
    /// Refuses a connection.
    pub(super) fn refuse(&self, stream: TcpStream, connections: &TaskTracker) {
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else { return };
        let answer = Arc::clone(&self.answer);
        connections.spawn(async move {
            let _ = timeout(PATIENCE, tell(stream, &answer)).await;
            drop(turn);
        });
    }
}

async fn tell(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    // A client discards an answer that comes before its request: wait for the request's first byte.
    if stream.peek(&mut [0]).await? == 0 {
        return Ok(());
    }
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut (&mut stream).take(READ), &mut tokio::io::sink()).await?;
    Ok(())
}
