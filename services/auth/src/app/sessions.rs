//! What log-in, registration and refresh share: issuing the tokens of a session.

use super::Accounts;
use crate::domain::{RefreshToken, User};
use crate::error::Error;
use crate::store::{refresh_tokens, sessions};
use chassis::jwt::Claims;
use chrono::{DateTime, Utc};
use contracts::rest::auth::Session;
use sqlx::PgConnection;
use uuid::Uuid;

impl Accounts {
    /// Begins a session and issues its first tokens.
    pub(super) async fn begin_session(&self, connection: &mut PgConnection, user: &User) -> Result<Session, Error> {
        let (id, now) = (Uuid::now_v7(), Utc::now());
        sessions::insert(connection, id, user.id, now, now + self.tokens.refresh()).await?;
        self.issue(connection, id, user, now).await
    }

    /// Issues an access token and the refresh token that gets the next one.
    pub(super) async fn issue(
        &self,
        connection: &mut PgConnection,
        session_id: Uuid,
        user: &User,
        now: DateTime<Utc>,
    ) -> Result<Session, Error> {
        let token = RefreshToken::generate();
        let claims = self.claims(user, now);
        let new = refresh_tokens::New {
            token_hash: token.digest(),
            session_id,
            access_token_id: claims.jti,
            created_at: now,
            expires_at: now + self.tokens.refresh(),
        };
        refresh_tokens::insert(connection, &new).await?;
        Ok(Session {
            access_token: self.keys.sign(&claims)?,
            refresh_token: token.expose().to_owned(),
            expires_in: self.tokens.access_seconds.into(),
            user: user.into(),
        })
    }

    fn claims(&self, user: &User, now: DateTime<Utc>) -> Claims {
        let seconds = |time: DateTime<Utc>| u64::try_from(time.timestamp()).unwrap_or_default();
        Claims {
            iss: self.jwt.issuer.clone(),
            aud: self.jwt.audience.clone(),
            sub: user.id,
            roles: user.role_names(),
            exp: seconds(now + self.tokens.access()),
            nbf: seconds(now),
            iat: seconds(now),
            jti: Uuid::now_v7(),
        }
    }
}
