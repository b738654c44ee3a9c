//! What access tokens say.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a user's access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made the token.
    pub iss: String,
    /// For whom it was made.
    pub aud: String,
    /// The user.
    pub sub: Uuid,
    /// What the user may do.
    pub roles: Vec<String>,
    /// When it ends, in seconds since the Unix epoch.
    pub exp: u64,
    /// When it begins.
    pub nbf: u64,
    /// When it was made.
    pub iat: u64,
    /// Identifies the token.
    pub jti: Uuid,
}

/// What a service's access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceClaims {
    /// Who made the token.
    pub iss: String,
    /// For whom it was made: see [`Jwt::service_audience`](crate::config::Jwt::service_audience).
    pub aud: String,
    /// `service:<name>`.
    pub sub: String,
    /// When it ends, in seconds since the Unix epoch.
    pub exp: u64,
    /// When it begins.
    pub nbf: u64,
    /// When it was made.
    pub iat: u64,
    /// Identifies the token.
    pub jti: Uuid,
}

impl ServiceClaims {
    /// What the subject of a service begins with.
    pub const PREFIX: &str = "service:";

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.sub.strip_prefix(Self::PREFIX).unwrap_or_default()
    }
}

/// Who calls. A user's subject is a UUID, a service's is not, and they have different audiences: neither passes as the
/// other.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Identity {
    /// A user.
    User(Claims),
    /// A service.
    Service(ServiceClaims),
}

impl Identity {
    /// When the token ends, in seconds since the Unix epoch.
    pub(super) fn exp(&self) -> u64 {
        match self {
            Self::User(claims) => claims.exp,
            Self::Service(claims) => claims.exp,
        }
    }
}
