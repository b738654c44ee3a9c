//! Reading requests, answering problems, and the stack of layers around every route.

mod acceptor;
mod access_log;
mod address;
mod coding;
pub mod documented;
mod extract;
mod failure;
mod guard;
pub mod idempotency;
mod kept;
mod limit;
pub mod log_fields;
mod nul;
mod page;
mod request_id;
mod stack;

pub use acceptor::{Acceptor, ConnService, FastPath};
pub use address::{ClientAddr, TrustedProxies};
pub use extract::{Json, Path, Query};
pub use failure::Failure;
pub use idempotency::{IdempotencyKey, KeyedRequest};
pub use kept::kept;
pub use limit::LONGEST_PARAMETER;
pub use page::Reader;
pub use request_id::{REQUEST_ID, RequestId};
pub use stack::{Limits, bare, full, joined};
