//! A client's body on its way to an upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt, future, stream};
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// How far an upload has come. Until it is whole, the time that passes is the client's: a slow or broken upload must
/// never look like a slow or broken upstream, or anybody could open a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The client is still sending.
    UnderWay,
    /// Everything was passed on.
    Whole,
    /// The client broke off.
    BrokenOff,
    /// The client sent more than it may.
    TooLarge,
}

/// A body that is passed on as it comes, and watched.
#[derive(Debug)]
pub struct Upload {
    body: Body,
    limit: usize,
    watch: Watch,
}

/// Tells how far an [`Upload`] has come, while somebody else reads it.
#[derive(Debug, Clone)]
pub struct Watch(Arc<AtomicU8>);

impl Watch {
    /// Returns how far the upload has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match self.0.load(Ordering::Acquire) {
            0 => Progress::UnderWay,
            1 => Progress::Whole,
            2 => Progress::BrokenOff,
            _ => Progress::TooLarge,
        }
    }

    fn set(&self, progress: Progress) {
        let number = match progress {
            Progress::UnderWay => 0,
            Progress::Whole => 1,
            Progress::BrokenOff => 2,
            Progress::TooLarge => 3,
        };
        self.0.store(number, Ordering::Release);
    }
}

impl Upload {
    /// Takes a client's body of at most `limit` bytes.
    #[must_use]
    pub fn new(body: Body, limit: usize) -> Self {
        Self { body, limit, watch: Watch(Arc::default()) }
    }

    /// Returns the means to watch it.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Passes the body on, piece by piece.
    pub fn into_stream(self) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        let (watch, end) = (self.watch.clone(), self.watch);
        let pieces = Limited::new(self.body, self.limit).into_data_stream();
        let pieces = pieces.map(move |piece| {
            piece.map_err(|error| {
                let too_large = error.is::<LengthLimitError>();
                watch.set(if too_large { Progress::TooLarge } else { Progress::BrokenOff });
                std::io::Error::other(error)
            })
        });
        let finish = stream::once(future::lazy(move |_| {
            if end.progress() == Progress::UnderWay {
                end.set(Progress::Whole);
            }
            Ok(Bytes::new())
        }));
        pieces.chain(finish)
    }
}
