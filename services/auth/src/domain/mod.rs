//! What accounts, passwords and sessions are. Pure: nothing here does I/O.

mod email;
mod full_name;
mod password;
mod refresh_token;
mod session;
mod user;

pub use email::Email;
pub use full_name::FullName;
pub use password::{Candidate, Password};
pub use refresh_token::RefreshToken;
pub use session::Ended;
pub use user::{Role, User};
