//! Calls to analytics: statistics of links.

use super::{Analytics, Client, ServiceError};
use contracts::rest::analytics::{StatsBatch, StatsBatchRequest};

impl Client<'_, Analytics> {
    pub async fn stats(&self, request: &StatsBatchRequest) -> Result<StatsBatch, ServiceError> {
        self.look_up("/v1/stats/batch", request).await
    }
}
