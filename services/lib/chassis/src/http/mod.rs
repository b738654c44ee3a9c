//! Reading requests, answering problems, and the stack of layers around every route.

mod address;
mod coding;
mod door;
mod extract;
pub mod facts;
mod failure;
mod guard;
mod idempotency;
mod limit;
mod line;
mod nul;
mod page;
mod request_id;
mod stack;

pub use address::{ClientAddr, TrustedProxies};
pub use door::{Door, Doorway, Express};
pub use extract::{Json, Path, Query};
pub use failure::{Failure, Fields};
pub use idempotency::IdempotencyKey;
pub use limit::LONGEST_PARAMETER;
pub use page::Reader;
pub use request_id::{REQUEST_ID, RequestId};
pub use stack::{Limits, bare, full, joined};
