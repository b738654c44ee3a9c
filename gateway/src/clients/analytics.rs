//! analytics: statistics.

use contracts::rest::analytics::{StatsBatch, StatsBatchRequest};
use http::Method;

use super::{Client, ServiceError};

impl Client<'_> {
    /// Returns facets of the statistics of many links.
    ///
    /// # Errors
    /// Fails as analytics does.
    pub async fn stats(&self, request: &StatsBatchRequest) -> Result<StatsBatch, ServiceError> {
        let mut call = self.send_json(Method::POST, "/v1/stats/batch", request)?;
        // A POST for its length; it reads.
        call.idempotent = true;
        self.read(call).await
    }
}
