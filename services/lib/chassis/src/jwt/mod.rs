//! Access tokens: who calls, verified by the issuer's published keys.

mod bearer;
mod caller;
pub mod crypto;
mod keys;
mod verifier;

pub use bearer::Bearer;
pub use caller::{Caller, OPERATOR, Operator};
pub use keys::LocalKeys;
pub use verifier::{Claims, Verifier};
