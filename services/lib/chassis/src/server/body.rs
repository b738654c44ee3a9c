//! The bodies of requests and answers, watched on their way.

use super::requests::UnderWay;
use crate::config::Http;
use axum::body::Body as Whole;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The body of a request, which must come at a pace.
pub(super) struct Arriving {
    inner: Incoming,
    config: Arc<Http>,
    /// Set when it has come to its end.
    is_whole: Arc<AtomicBool>,
    /// When it was first asked for.
    began: Option<Instant>,
    received: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    pub(super) fn new(inner: Incoming, config: Arc<Http>) -> (Self, Arc<AtomicBool>) {
        let is_whole = Arc::new(AtomicBool::new(false));
        let body = Self { inner, config, is_whole: Arc::clone(&is_whole), began: None, received: 0, timer: None };
        (body, is_whole)
    }

    /// How long it may take, with what has come so far.
    fn allowed(&self) -> Duration {
        let clients = &self.config.clients;
        let earned_ms = self.received.saturating_mul(1_000) / clients.body_bytes_per_second.max(1);
        Duration::from_millis(clients.body_ms) + Duration::from_millis(earned_ms)
    }

    /// Waits until it is too late for the rest.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let limit = *self.began.get_or_insert_with(Instant::now) + self.allowed();
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(limit)));
        if timer.deadline() != limit {
            timer.as_mut().reset(limit);
        }
        timer.as_mut().poll(context)
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
            ready!(self.poll_late(context));
            let late = io::Error::new(io::ErrorKind::TimedOut, "the body comes too slowly");
            return Poll::Ready(Some(Err(late.into())));
        };
        if let Some(Ok(frame)) = &frame {
            self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        if frame.is_none() || (matches!(frame, Some(Ok(_))) && self.inner.is_end_stream()) {
            self.is_whole.store(true, Ordering::Release);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of an answer; its request is under way until it has gone.
pub(super) struct Leaving {
    pub(super) inner: Whole,
    pub(super) _request: UnderWay,
}

impl Body for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
