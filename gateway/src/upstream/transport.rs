//! The call itself, over HTTP.

use super::call::{BodyParser, Call, CallResult, Payload, Reply, UpstreamBody, UpstreamResponse};
use super::connect::Connector;
use super::connections::{Connections, DrivenBody, SendError};
use super::error::UpstreamError;
use super::layers::Layer;
use super::upload::Progress;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use contracts::problem::MEDIA_TYPE;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt;
use std::error::Error;
use std::io;
use std::sync::Arc;

/// The largest body that is read as a whole, in bytes: enough for 5,000 of the longest links.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// `EMFILE` and `ENFILE` of Linux: no descriptor is left.
const NO_DESCRIPTOR: [i32; 2] = [24, 23];

pub struct Transport {
    connections: Connections,
    host: HeaderValue,
}

impl Transport {
    pub fn new(connector: Connector, base: &url::Url) -> Self {
        let to = Uri::try_from(base.as_str()).expect("what is a URL is a URI");
        let authority = to.authority().expect("the configuration was checked").as_str();
        let host = HeaderValue::try_from(authority).expect("an authority is visible ASCII");
        Self { connections: Connections::new(connector, to), host }
    }
}

impl Layer for Transport {
    async fn call(&self, call: Call) -> CallResult {
        let address = Uri::try_from(call.path).map_err(|error| UpstreamError::Unbuildable(Arc::new(error.into())))?;
        let (body, upload) = match call.payload {
            Payload::Whole(bytes) => (Body::from(bytes), None),
            Payload::Stream(upload) => {
                let watch = upload.watch();
                (upload.into_body(), Some(watch))
            }
        };
        let mut request = Request::new(body);
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (call.method, address, call.headers);
        request.headers_mut().insert(HOST, self.host.clone());
        let sent = self.connections.send(request).await;
        let answer = sent.map_err(|failure| no_answer(failure, upload.map(|upload| upload.progress())))?;
        receive(answer, call.reply, call.parser).await
    }
}

fn no_answer(failure: SendError, upload: Option<Progress>) -> UpstreamError {
    let cause = match failure {
        SendError::Unconnected(error) if lacks_descriptors(&*error) => return UpstreamError::Shed,
        SendError::Unconnected(error) => return UpstreamError::Unreachable(Arc::new(anyhow::Error::from_boxed(error))),
        SendError::Broken(error) => Arc::new(anyhow::Error::new(error)),
    };
    match upload {
        Some(Progress::BrokenOff) => UpstreamError::NoUpload,
        Some(Progress::TooLarge) => UpstreamError::TooLarge,
        Some(Progress::UnderWay | Progress::Awaited) => UpstreamError::UploadCut(cause),
        Some(Progress::Whole) | None => UpstreamError::Reset(cause),
    }
}

/// Whether a connection failed because no descriptor is left, which is not the upstream's fault.
pub fn lacks_descriptors(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let code = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        if code.is_some_and(|code| NO_DESCRIPTOR.contains(&code)) {
            return true;
        }
        next = error.source();
    }
    false
}

async fn receive(answer: Response<DrivenBody>, reply: Reply, parser: Option<BodyParser>) -> CallResult {
    let (parts, body) = answer.into_parts();
    let (status, headers) = (parts.status, parts.headers);
    // A problem is always read, because its code says more than the status.
    let is_problem = headers.get(CONTENT_TYPE).is_some_and(|media| media == MEDIA_TYPE);
    if reply == Reply::Stream && !(status.is_server_error() && is_problem) {
        return Ok(UpstreamResponse { status, headers, body: UpstreamBody::Stream(Body::new(body)) });
    }
    let bytes = read(body).await?;
    if status.is_success() && !bytes.is_empty() {
        if let Some(Ok(read)) = parser.map(|parser| parser(&bytes)) {
            return Ok(UpstreamResponse { status, headers, body: UpstreamBody::Parsed(read) });
        }
        // JSON that breaks the contract is a response; a body that is not JSON is a failure.
        serde_json::from_slice::<serde::de::IgnoredAny>(&bytes)
            .map_err(|error| UpstreamError::BadBody(Arc::new(error.into())))?;
    }
    Ok(UpstreamResponse { status, headers, body: UpstreamBody::Whole(bytes) })
}

async fn read(mut body: DrivenBody) -> Result<Bytes, UpstreamError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| UpstreamError::Reset(Arc::new(error.into())))?;
        let Ok(piece) = frame.into_data() else { continue };
        if whole.len() + piece.len() > LARGEST_ANSWER {
            let cause = anyhow::anyhow!("it is longer than {LARGEST_ANSWER} bytes");
            return Err(UpstreamError::BadBody(Arc::new(cause)));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}
