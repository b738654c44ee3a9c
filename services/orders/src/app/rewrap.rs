//! Wraps customers' data keys anew when the wrapping key is replaced.

use super::Customers;
use crate::error::Error;
use crate::store::customers;
use uuid::Uuid;

/// How many keys are read at once.
const BATCH: i64 = 500;

impl Customers {
    /// Wraps every data key under the key in force that the key before it wrapped. Afterwards
    /// `customers.previous_encryption_key` can go, and the log says so.
    pub async fn rewrap(self) -> Result<(), Error> {
        let (mut last, mut count) = (Uuid::nil(), 0_u64);
        loop {
            let keys = customers::keys_after(self.db.pool(), last, BATCH).await?;
            let Some(end) = keys.last() else { break };
            last = end.customer_id;
            for key in keys {
                if let Some(wrapped) = self.keyring.rewrap(key.customer_id, key.id, &key.wrapped)? {
                    customers::rewrap(self.db.pool(), key.id, &wrapped).await?;
                    count += 1;
                }
            }
        }
        tracing::info!(
            keys.rewrapped = count,
            "All data keys are under customers.encryption_key: the one before can go."
        );
        Ok(())
    }
}
