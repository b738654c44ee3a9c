//! Who clicked, told in a way that names nobody.

mod geo;
mod headers;
mod keeper;
mod keys;

pub use geo::Countries;
pub use headers::{language, referrer, user_agent};
pub use keeper::{EVERY, Keeper};
pub use keys::{Keys, Visitors};
