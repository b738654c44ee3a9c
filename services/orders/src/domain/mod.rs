//! What customers and orders are. No I/O.

mod address;
pub mod card;
mod cart;
mod customer;
mod document;
pub mod order;
mod payment_method;
mod phone;

pub use cart::{Cart, Product};
pub use contracts::person::{Email, FullName};
pub use customer::{CustomerData, changed};
pub use document::Document;
pub use order::Order;
pub use payment_method::{PaymentMethod, WantedPaymentMethod};
pub use phone::Phone;
