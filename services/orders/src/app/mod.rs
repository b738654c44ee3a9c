//! The use cases, each one transaction with the outbox in it.

mod change;
pub mod checkout;
mod customers;
mod place;
mod read;
mod record;
mod rewrap;
mod save_customer;

use crate::error::Error;
use chassis::jwt::Caller;
pub use customers::Customers;
pub(crate) use customers::Erased;
pub use place::PlaceOrders;
pub use read::Orders;
use uuid::Uuid;

/// Whose things a caller may see: everybody's for an operator, else the caller's own.
fn owner(caller: &Caller) -> Option<Uuid> {
    (!caller.is_operator()).then_some(caller.user_id)
}

/// What the saga engine refuses; what it may not be asked is our mistake.
fn saga_error(error: saga::Error) -> Error {
    match error {
        saga::Error::Store(error) => Error::Store(error),
        saga::Error::Refused(_) => Error::Conflict,
        error => Error::Internal(error.into()),
    }
}
