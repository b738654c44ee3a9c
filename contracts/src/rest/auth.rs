//! REST types of auth.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `POST /v1/users`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// At most 254 characters; compared without regard to case.
    pub email: String,
    /// 10 to 128 characters.
    pub password: String,
    /// 1 to 120 characters.
    pub full_name: String,
}

/// `POST /v1/sessions`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The account's e-mail.
    pub email: String,
    /// The account's password.
    pub password: String,
}

/// `POST /v1/sessions/refresh` and `POST /v1/sessions/revoke`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    /// The refresh token of the session.
    pub refresh_token: String,
}

/// `PUT /v1/users/me/password`. Ends every other session.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password as it is.
    pub current_password: String,
    /// The password as it shall be: 10 to 128 characters.
    pub new_password: String,
}

/// A session: an access token, and the refresh token that gets the next one.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// A JWT (EdDSA), for the `Authorization: Bearer` header.
    pub access_token: String,
    /// Opaque; used once, then replaced by the next.
    pub refresh_token: String,
    /// How long the access token lives, in seconds.
    pub expires_in: u64,
    /// Whose session it is.
    pub user: User,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The account's id: the `sub` of its tokens.
    pub id: Uuid,
    /// The e-mail, in lower case.
    pub email: String,
    /// The name.
    pub full_name: String,
    /// `user`, and for operators `operator`.
    pub roles: Vec<String>,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
}
