//! analytics: statistics.

use contracts::rest::analytics::{StatsBatch, StatsBatchRequest};

use super::{Analytics, Client, ServiceError};

impl Client<'_, Analytics> {
    /// Returns facets of the statistics of many links.
    pub async fn stats(&self, request: &StatsBatchRequest) -> Result<StatsBatch, ServiceError> {
        self.look_up("/v1/stats/batch", request).await
    }
}
