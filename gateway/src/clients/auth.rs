//! Calls to auth: users and sessions.

use super::{Auth, Client, ServiceError};
use contracts::rest::auth::{DeleteAccount, Login, RefreshToken, Register, Session, User};
use http::Method;

impl Client<'_, Auth> {
    pub async fn register(&self, request: &Register) -> Result<Session, ServiceError> {
        self.read(self.send_json(Method::POST, "/v1/users", request)?).await
    }

    pub async fn log_in(&self, request: &Login) -> Result<Session, ServiceError> {
        self.read(self.send_json(Method::POST, "/v1/sessions", request)?).await
    }

    /// Never tried twice: a refresh token that is used twice ends the session.
    pub async fn refresh(&self, request: &RefreshToken) -> Result<Session, ServiceError> {
        self.read(self.send_json(Method::POST, "/v1/sessions/refresh", request)?).await
    }

    pub async fn revoke(&self, request: &RefreshToken) -> Result<(), ServiceError> {
        self.answer(self.send_json(Method::POST, "/v1/sessions/revoke", request)?).await.map(drop)
    }

    pub async fn me(&self) -> Result<User, ServiceError> {
        self.read(self.get("/v1/users/me")).await
    }

    /// Not retried: the second response would say that the user does not exist.
    pub async fn delete_account(&self, request: &DeleteAccount) -> Result<(), ServiceError> {
        let mut call = self.send_json(Method::DELETE, "/v1/users/me", request)?;
        call.idempotent = false;
        self.answer(call).await.map(drop)
    }
}
