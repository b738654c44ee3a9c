//! Calls to analytics: statistics of links.

use contracts::rest::analytics::{StatsBatch, StatsBatchRequest};

use super::{Analytics, Client, ServiceError};

impl Client<'_, Analytics> {
    pub async fn stats(&self, request: &StatsBatchRequest) -> Result<StatsBatch, ServiceError> {
        self.look_up("/v1/stats/batch", request).await
    }
}
