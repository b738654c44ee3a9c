//! `X-Request-Id`: taken from the request when it is well formed, else made; always answered.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Builder;

/// The header's name.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client, in bytes.
const LONGEST: usize = 64;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The id of the request that is being served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id of the request on whose behalf the current task runs, if any.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Runs `work` as part of the request with this id.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Takes a well-formed id from `headers`, or makes one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_well_formed(id));
        given.map_or_else(Self::make, Self::from)
    }

    /// Makes a UUIDv7 by the thread's own generator: `Uuid::now_v7` asks the system each time, and
    /// waits for others who do.
    fn make() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(now.as_millis()).unwrap_or_default();
        let id = Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid();
        Self((&*id.hyphenated().encode_lower(&mut [0; 36])).into())
    }

    /// The id as a header's value; one that cannot be, having come with a message, is empty.
    #[must_use]
    pub fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static(""))
    }
}

impl From<&str> for RequestId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

/// Whether an id from outside may stand in logs and headers as it is.
fn is_well_formed(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: HeaderValue) -> RequestId {
        RequestId::of(&HeaderMap::from_iter([(REQUEST_ID, header)]))
    }

    #[test]
    fn an_id_that_could_break_a_log_line_is_replaced() {
        for bad in ["", "a b", "a\"b", "ä", &"x".repeat(65)] {
            let header = HeaderValue::from_bytes(bad.as_bytes()).unwrap();
            assert_ne!(of(header).as_str(), bad);
        }
        assert_eq!(of(HeaderValue::from_static("order-17.a_B")).as_str(), "order-17.a_B");
    }

    #[test]
    fn an_id_that_is_made_is_a_uuid_of_now() {
        let (one, other) = (RequestId::make(), RequestId::make());
        assert_ne!(one, other);
        let id: uuid::Uuid = one.as_str().parse().unwrap();
        let (seconds, _) = id.get_timestamp().unwrap().to_unix();
        assert!(id.get_version_num() == 7 && seconds.abs_diff(chrono::Utc::now().timestamp().unsigned_abs()) < 60);
    }
}
