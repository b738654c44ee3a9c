//! What accounts, passwords and sessions are. Pure: nothing here does I/O.

mod password;
mod refresh_token;
mod session;
mod user;

pub use contracts::person::{Email, FullName};
pub use password::{Candidate, Password};
pub use refresh_token::RefreshToken;
pub use session::Ended;
pub use user::{Role, User};
