//! Exchanges a refresh token for the next tokens.

use super::Accounts;
use crate::domain::{Ended, RefreshToken};
use crate::error::Error;
use crate::metrics as names;
use crate::store::refresh_tokens::{self, Use};
use crate::store::{sessions, users};
use chrono::Utc;
use contracts::rest::auth::Session;

impl Accounts {
    /// Uses a refresh token up and issues the next tokens of its session.
    ///
    /// A token that was used before is in two hands, so its session ends, the newest token
    /// included. There is no grace for clients that send one twice at once: a grace that answers
    /// both is one in which a thief's copy works too. See ADR 0005.
    pub async fn refresh(&self, token: Option<RefreshToken>) -> Result<Session, Error> {
        let outcome = match token {
            Some(token) => self.exchange(&token).await,
            None => Err(Error::InvalidRefreshToken),
        };
        let label = match &outcome {
            Ok(_) => "accepted",
            Err(Error::InvalidRefreshToken) => "refused",
            Err(Error::RefreshTokenReused) => "reused",
            Err(_) => return outcome,
        };
        metrics::counter!(names::REFRESHES, "outcome" => label).increment(1);
        outcome
    }

    async fn exchange(&self, token: &RefreshToken) -> Result<Session, Error> {
        let (digest, now) = (token.digest(), Utc::now());
        let mut tx = self.db.begin().await?;
        let session = sessions::lock_by_token(&mut tx, &digest).await?;
        let session = session.ok_or(Error::InvalidRefreshToken)?;
        chassis::http::log_fields::add("user_id", session.user_id.to_string());
        match refresh_tokens::use_up(&mut tx, &digest, now).await? {
            Use::Good if session.is_revoked => return Err(Error::InvalidRefreshToken),
            Use::Good => {}
            Use::Expired => return Err(Error::InvalidRefreshToken),
            Use::Reused => {
                let ended = sessions::revoke(&mut tx, session.id, Ended::TokenReused).await?;
                tx.commit().await?;
                if ended {
                    tell_of_theft(&session);
                }
                return Err(Error::RefreshTokenReused);
            }
        }
        let account = users::by_id(&mut tx, session.user_id).await?;
        let account = account.filter(|account| account.is_active);
        let user = account.ok_or(Error::InvalidRefreshToken)?.user;
        sessions::prolong(&mut tx, session.id, now + self.tokens.refresh()).await?;
        let issued = self.issue(&mut tx, session.id, &user, now).await?;
        tx.commit().await?;
        Ok(issued)
    }
}

fn tell_of_theft(session: &sessions::Row) {
    let reason = Ended::TokenReused.into_str();
    metrics::counter!(names::SESSIONS_ENDED, "reason" => reason).increment(1);
    tracing::warn!(
        session.id = %session.id,
        user.id = %session.user_id,
        "A refresh token came a second time; its session was ended."
    );
}
