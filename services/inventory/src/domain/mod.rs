//! What products, stock and reservations are. No input or output.

mod items;
mod product;
mod shelf;
mod stock;

pub use items::Items;
pub use product::{Description, Name, Price, Sku};
pub use shelf::{Change, Refusal, Shelf, Shelved, What};
pub use stock::{Kind, MOST_AT_ONCE, Stock, StockError};
