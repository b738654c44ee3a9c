//! Access tokens: who calls, verified by the issuer's published keys; and a service's own, for calls to other services.

mod bearer;
mod caller;
mod claims;
mod flight;
mod keys;
mod service;
mod source;
mod verifier;

pub use crate::crypto;
pub use bearer::Bearer;
pub use caller::{Caller, OPERATOR, Operator};
pub use claims::{Claims, Identity, ServiceClaims};
pub use keys::LocalKeys;
pub use service::{Admits, FromService};
pub use source::TokenSource;
pub use verifier::Verifier;
