//! Sessions: families of refresh tokens that began with one log-in.

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its client logged out.
    LoggedOut,
    /// A refresh token came a second time: it is in two hands, and one of them may be a thief's.
    TokenReused,
    /// The account's password was changed, in another session.
    PasswordChanged,
}

impl Ended {
    /// The reason as it is stored and counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::TokenReused => "token_reused",
            Self::PasswordChanged => "password_changed",
        }
    }
}
