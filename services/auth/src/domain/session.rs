//! Sessions: families of refresh tokens that began with one log-in.

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Ended {
    /// Its client logged out.
    LoggedOut,
    /// A refresh token came a second time: it is in two hands, and one of them may be a thief's.
    TokenReused,
    /// The account's password was changed, in another session.
    PasswordChanged,
}
