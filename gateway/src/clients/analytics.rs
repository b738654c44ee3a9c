//! analytics: statistics.

use contracts::rest::analytics::{StatsBatch, StatsBatchRequest};

use super::{Client, ServiceError};

impl Client<'_> {
    /// Returns facets of the statistics of many links.
    ///
    /// # Errors
    /// Fails as analytics does.
    pub async fn stats(&self, request: &StatsBatchRequest) -> Result<StatsBatch, ServiceError> {
        self.look_up("/v1/stats/batch", request).await
    }
}
