//! Users and sessions.

use super::scalars::Moment;
use async_graphql::{ID, InputObject, SimpleObject};
use contracts::rest::auth;

/// An account.
#[derive(SimpleObject)]
pub struct User {
    /// The account's id.
    pub(super) id: ID,
    /// The e-mail, in lower case.
    email: String,
    /// The name.
    full_name: String,
    /// `user`, and for operators also `operator`.
    roles: Vec<String>,
    /// When the account was created.
    created_at: Moment,
}

impl From<auth::User> for User {
    fn from(user: auth::User) -> Self {
        Self {
            id: user.id.into(),
            email: user.email,
            full_name: user.full_name,
            roles: user.roles,
            created_at: user.created_at.into(),
        }
    }
}

/// A session: an access token, and the refresh token that gets the next one.
#[derive(SimpleObject)]
pub struct Session {
    /// The access token, a JWT for the `Authorization: Bearer` header.
    access_token: String,
    /// The refresh token, which can be used once.
    refresh_token: String,
    /// The lifetime of the access token, in seconds.
    expires_in: u64,
    /// The user of the session.
    user: User,
}

impl From<auth::Session> for Session {
    fn from(session: auth::Session) -> Self {
        Self {
            access_token: session.access_token,
            refresh_token: session.refresh_token,
            expires_in: session.expires_in,
            user: session.user.into(),
        }
    }
}

/// A new account.
#[derive(InputObject)]
pub struct RegisterInput {
    /// At most 254 characters; compared without regard to case.
    email: String,
    /// 10 to 128 characters.
    password: String,
    /// 1 to 120 characters.
    full_name: String,
}

impl From<RegisterInput> for auth::Register {
    fn from(input: RegisterInput) -> Self {
        Self { email: input.email, password: input.password, full_name: input.full_name }
    }
}

/// An account's credentials.
#[derive(InputObject)]
pub struct LoginInput {
    /// The account's e-mail.
    email: String,
    /// The account's password.
    password: String,
}

impl From<LoginInput> for auth::Login {
    fn from(input: LoginInput) -> Self {
        Self { email: input.email, password: input.password }
    }
}
