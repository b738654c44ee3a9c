//! A client's body on its way to an upstream.

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{LengthLimitError, Limited};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// How far an upload has come. A slow or broken upload must not look like a slow or broken upstream, or any client
/// could open a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The upstream does not ask for more: it is slow.
    UnderWay,
    /// The next piece has not come: the client is slow.
    Awaited,
    Whole,
    BrokenOff,
    /// The client sent more than it may.
    TooLarge,
}

/// A body that is streamed and watched. Clones are the same body. It can be sent once; when the first connection was
/// never made, over another.
#[derive(Debug, Clone)]
pub struct Upload {
    body: Arc<Mutex<Option<Body>>>,
    limit: usize,
    size: SizeHint,
    watch: Watch,
}

/// Shows how far an [`Upload`] has come while another task reads it.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Mutex<Progress>>);

impl Watch {
    pub fn progress(&self) -> Progress {
        *self.0.lock()
    }

    fn set(&self, progress: Progress) {
        *self.0.lock() = progress;
    }
}

impl Upload {
    /// Takes a client's body of at most `limit` bytes.
    pub fn new(body: Body, limit: usize) -> Self {
        let size = body.size_hint();
        Self {
            body: Arc::new(Mutex::new(Some(body))),
            limit,
            size,
            watch: Watch(Arc::new(Mutex::new(Progress::UnderWay))),
        }
    }

    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Whether nothing of it was sent yet.
    pub fn is_unsent(&self) -> bool {
        self.body.lock().is_some()
    }

    pub fn into_body(self) -> Body {
        Body::new(UploadBody { left: self.size.exact(), upload: self, body: None })
    }
}

/// An upload that is being sent.
struct UploadBody {
    upload: Upload,
    /// Taken from the upload with the first piece.
    body: Option<Limited<Body>>,
    /// How many bytes are to come, if the length is known.
    left: Option<u64>,
}

impl HttpBody for UploadBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let body = match &mut this.body {
            Some(body) => body,
            None => {
                let taken = this.upload.body.lock().take().ok_or("the upload was passed on before")?;
                this.body.insert(Limited::new(taken, this.upload.limit))
            }
        };
        let Poll::Ready(piece) = Pin::new(&mut *body).poll_frame(context) else {
            this.upload.watch.set(Progress::Awaited);
            return Poll::Pending;
        };
        match &piece {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                this.left = this.left.map(|left| left.saturating_sub(length));
                // With a known length, the end is never polled.
                let whole = this.left == Some(0) || body.is_end_stream();
                this.upload.watch.set(if whole { Progress::Whole } else { Progress::UnderWay });
            }
            Some(Err(error)) => {
                let too_large = error.is::<LengthLimitError>();
                this.upload.watch.set(if too_large { Progress::TooLarge } else { Progress::BrokenOff });
            }
            None => this.upload.watch.set(Progress::Whole),
        }
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_some_and(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, stream};
    use http_body_util::BodyExt;

    async fn pass(upload: Upload) -> Progress {
        let watch = upload.watch();
        let _ = upload.into_body().collect().await;
        watch.progress()
    }

    #[tokio::test]
    async fn an_upload_with_a_length_is_whole_with_its_last_byte_and_not_before() {
        let upload = Upload::new(Body::from("four"), 4);
        let (watch, mut body) = (upload.watch(), upload.into_body());
        assert_eq!(body.size_hint().exact(), Some(4));
        assert_eq!(watch.progress(), Progress::UnderWay);
        body.frame().await.expect("a piece").expect("whole");
        assert_eq!(watch.progress(), Progress::Whole, "nobody asks for the end");
    }

    #[tokio::test]
    async fn uploads_without_a_length_end_whole_too_large_or_broken_off() {
        let pieces = |last: Result<&'static str, std::io::Error>| Body::from_stream(stream::iter([Ok("four"), last]));
        assert_eq!(pass(Upload::new(pieces(Ok("more")), 8)).await, Progress::Whole);
        assert_eq!(pass(Upload::new(pieces(Ok("more")), 7)).await, Progress::TooLarge);
        assert_eq!(pass(Upload::new(pieces(Err(std::io::Error::other("gone"))), 8)).await, Progress::BrokenOff);
    }

    #[tokio::test]
    async fn who_takes_the_time_is_told_apart() {
        let client_is_late = stream::iter([Ok::<_, std::io::Error>("four")]).chain(stream::pending());
        let upload = Upload::new(Body::from_stream(client_is_late), 8);
        let (watch, mut body) = (upload.watch(), upload.into_body());
        body.frame().await.expect("a piece").expect("whole");
        assert_eq!(watch.progress(), Progress::UnderWay, "the upstream has not asked for more");
        assert!(futures::poll!(body.frame()).is_pending());
        assert_eq!(watch.progress(), Progress::Awaited);
    }

    #[tokio::test]
    async fn an_upload_is_there_until_somebody_begins_to_pass_it_on() {
        let upload = Upload::new(Body::from("once"), 4);
        drop(upload.clone().into_body());
        assert!(upload.is_unsent(), "the connection was never made");
        assert_eq!(pass(upload.clone()).await, Progress::Whole);
        assert!(!upload.is_unsent());
        assert!(upload.into_body().collect().await.is_err());
    }
}
