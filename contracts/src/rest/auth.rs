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
    pub email: String,
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

/// `DELETE /v1/users/me`. Takes the links, their statistics and the customer's data along.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteAccount {
    pub password: String,
}

/// `GET /v1/users/me/deletion`: how far the deletion of the caller's account is. When it is done, the account is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deletion {
    pub status: DeletionStatus,
    /// Why it was refused, for a program: `open_orders` while an order is under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    pub requested_at: DateTime<Utc>,
}

/// Where the deletion of an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeletionStatus {
    /// It goes on by itself.
    UnderWay,
    /// It could not be done; everything is as it was.
    Refused,
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

/// `POST /oauth2/token`, as a form, with the service's name and secret by HTTP Basic (RFC 6749, section 4.4).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServiceGrant {
    /// `client_credentials`.
    pub grant_type: String,
}

/// An access token for a service.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ServiceToken {
    /// A JWT (EdDSA), for the `Authorization: Bearer` header.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// How long the token lives, in seconds.
    pub expires_in: u64,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The account's id: the `sub` of its tokens.
    pub id: Uuid,
    /// The e-mail, in lower case.
    pub email: String,
    pub full_name: String,
    /// `user`, and for operators `operator`.
    pub roles: Vec<String>,
    pub created_at: DateTime<Utc>,
}

/// `GET /.well-known/jwks.json`: the keys that verify access tokens (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JsonWebKeySet {
    /// Every key of which a valid token may be about, and the one that signs next.
    pub keys: Vec<JsonWebKey>,
}

/// A public Ed25519 key (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JsonWebKey {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// The public key, in base64url.
    pub x: String,
    /// The key's id: its RFC 7638 thumbprint.
    pub kid: String,
    /// `EdDSA`.
    pub alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub usage: String,
}

/// The answer to `POST /v1/keys/rotate`: the published keys, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningKeys {
    pub keys: Vec<SigningKey>,
}

/// When a published key signs and verifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningKey {
    /// The `kid` of its tokens.
    pub id: String,
    /// From when on new tokens are signed with it.
    pub signs_from: DateTime<Utc>,
    /// Until when its tokens are accepted; absent while it has no successor.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verifies_until: Option<DateTime<Utc>>,
}
