//! A client's socket, which is not waited for without end.

use super::places::Place;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long is read on after the last answer.
const LINGER: Duration = Duration::from_secs(1);
/// How many bytes are read on after the last answer.
const LINGER_BYTES: usize = 1024 * 1024;

/// A socket that fails when its peer takes nothing for too long, and that lingers when it is closed.
pub(super) struct Socket {
    stream: TcpStream,
    /// How long the peer may take nothing.
    patience: Duration,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    closing: Option<Closing>,
    _place: Place,
}

/// What is left of a socket that was closed.
struct Closing {
    until: Pin<Box<Sleep>>,
    bytes: usize,
    is_said: bool,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, patience: Duration, place: Place) -> Self {
        Self { stream, patience, stalled: None, closing: None, _place: place }
    }

    /// Passes on what came of a write, or fails when the peer has taken nothing for too long.
    fn judge<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of its answer")))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.judge(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Closes our side, and reads on for a while: the kernel answers with a reset to what comes after a close, and a
    /// reset can overtake the answer. So a client that still sends a body gets to read why it was refused.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, closing, .. } = &mut *self;
        let closing = closing.get_or_insert_with(|| Closing {
            until: Box::pin(sleep(LINGER)),
            bytes: LINGER_BYTES,
            is_said: false,
        });
        if !closing.is_said {
            ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
            closing.is_said = true;
        }
        let mut space = [MaybeUninit::uninit(); 8 * 1024];
        while closing.bytes > 0 {
            let mut buffer = ReadBuf::uninit(&mut space);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    closing.bytes = closing.bytes.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    ready!(closing.until.as_mut().poll(context));
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
