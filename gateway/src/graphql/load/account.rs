//! The user's own account.

use contracts::rest::auth::User;

use super::{Found, Key, Loader, Queue, Queues};
use crate::clients::ServiceError;

/// The account of the user whose token came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Me;

impl Key for Me {
    type Value = User;
    const LIMIT: usize = 1;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.me
    }

    async fn ask(_: &[Self], loader: &Loader) -> Result<Found<Self>, ServiceError> {
        let user = loader.services().auth().me().await?;
        Ok(vec![(Self, Ok(user))])
    }
}
