//! Events of auth.

use crate::envelope::EventData;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A user registered. Subject: the user's id. Names no personal datum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserRegistered {
    pub user_id: Uuid,
    /// The roles that the user was given.
    pub roles: Vec<String>,
    pub registered_at: DateTime<Utc>,
}

impl EventData for UserRegistered {
    const TYPE: &'static str = "auth.user.registered";
    const VERSION: u32 = 1;
}

/// A user's account was closed for ever. Subject: the user's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserDeleted {
    pub user_id: Uuid,
    pub deleted_at: DateTime<Utc>,
}

impl EventData for UserDeleted {
    const TYPE: &'static str = "auth.user.deleted";
    const VERSION: u32 = 1;
}
