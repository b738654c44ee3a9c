//! Logs out.

use super::Accounts;
use crate::domain::{Ended, RefreshToken};
use crate::error::Error;
use crate::metrics as names;
use crate::store::sessions;

impl Accounts {
    /// Ends the session of a refresh token, used or not. An unknown token is no error:
    /// logging out twice is as good as once (RFC 7009, section 2.2).
    pub async fn log_out(&self, token: Option<RefreshToken>) -> Result<(), Error> {
        let Some(token) = token else { return Ok(()) };
        let mut tx = self.db.begin().await?;
        let Some(session) = sessions::lock_by_token(&mut tx, &token.digest()).await? else {
            return Ok(());
        };
        let ended = sessions::revoke(&mut tx, session.id, Ended::LoggedOut).await?;
        tx.commit().await?;
        chassis::http::log_fields::add("user_id", session.user_id.to_string());
        if ended {
            metrics::counter!(names::SESSIONS_ENDED, "reason" => Ended::LoggedOut.into_str()).increment(1);
        }
        Ok(())
    }
}
