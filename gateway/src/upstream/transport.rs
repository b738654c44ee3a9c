//! The call itself, over HTTP.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;

use super::call::{Answer, AnswerBody, Call, Payload, Reply};
use super::error::UpstreamError;
use super::upload::Progress;
use crate::stack::{Layer, Next, Outcome};

/// The largest answer that is read as a whole, in bytes: 5,000 links of the longest kind.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The innermost layer: it makes the call.
pub struct Transport {
    client: reqwest::Client,
    /// Scheme and authority, without the slash.
    base: String,
}

impl Transport {
    /// Creates the transport to the upstream at `base`.
    #[must_use]
    pub fn new(client: reqwest::Client, base: &url::Url) -> Self {
        Self { client, base: base.as_str().trim_end_matches('/').to_owned() }
    }

    async fn send(&self, call: Call) -> Outcome {
        let url = url::Url::parse(&format!("{}{}", self.base, call.path)).map_err(|error| {
            UpstreamError::BadBody(Arc::new(anyhow::Error::new(error).context("the address cannot be made")))
        })?;
        let mut request = reqwest::Request::new(call.method, url);
        *request.headers_mut() = call.headers;
        let watch = match call.payload {
            Payload::Whole(bytes) if bytes.is_empty() => None,
            Payload::Whole(bytes) => {
                *request.body_mut() = Some(bytes.into());
                None
            }
            Payload::Stream(upload) => {
                let watch = upload.watch();
                *request.body_mut() = Some(reqwest::Body::wrap_stream(upload.into_stream()));
                Some(watch)
            }
        };
        let sent = self.client.execute(request).await;
        let answer = sent.map_err(|error| match watch.map(|watch| watch.progress()) {
            Some(Progress::BrokenOff) => UpstreamError::NoUpload,
            Some(Progress::TooLarge) => UpstreamError::TooLarge,
            _ => no_answer(error),
        })?;
        receive(answer, call.reply).await
    }
}

impl Layer for Transport {
    fn call(&self, call: Call, _: Next) -> BoxFuture<'_, Outcome> {
        Box::pin(self.send(call))
    }
}

fn no_answer(error: reqwest::Error) -> UpstreamError {
    // The address is ours, not the client's to know, and it is in the log's fields already.
    let error = error.without_url();
    let (timed_out, unconnected) = (error.is_timeout(), error.is_connect());
    let cause = Arc::new(anyhow::Error::new(error));
    match (timed_out, unconnected) {
        (_, true) => UpstreamError::Unreachable(cause),
        (true, false) => UpstreamError::Late,
        (false, false) => UpstreamError::Reset(cause),
    }
}

async fn receive(mut answer: reqwest::Response, reply: Reply) -> Outcome {
    let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
    if reply == Reply::Stream {
        let body = AnswerBody::Stream(Body::from_stream(answer.bytes_stream()));
        return Ok(Answer { status, headers, body });
    }
    let bytes = read(answer).await?;
    if status.is_success() && !bytes.is_empty() {
        serde_json::from_slice::<serde::de::IgnoredAny>(&bytes)
            .map_err(|error| UpstreamError::BadBody(Arc::new(error.into())))?;
    }
    Ok(Answer { status, headers, body: AnswerBody::Whole(bytes) })
}

async fn read(mut answer: reqwest::Response) -> Result<Bytes, UpstreamError> {
    let mut whole = BytesMut::new();
    let broken = |error: reqwest::Error| UpstreamError::Reset(Arc::new(error.without_url().into()));
    while let Some(piece) = answer.chunk().await.map_err(broken)? {
        if whole.len() + piece.len() > LARGEST_ANSWER {
            let cause = anyhow::anyhow!("it is longer than {LARGEST_ANSWER} bytes");
            return Err(UpstreamError::BadBody(Arc::new(cause)));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}
