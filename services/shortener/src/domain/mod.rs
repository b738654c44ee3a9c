//! What a link is and which ones are acceptable. Pure: no I/O, no clock of its own.

mod code;
mod fields;
mod link;
mod request;
mod target;

pub use code::{CodeError, LONG, SHORT, ShortCode};
pub use fields::{MaxClicks, RedirectStatus, Tags, Title};
pub use link::{Link, State};
pub use request::{Change, NewLink};
pub use target::{TargetError, TargetPolicy, TargetUrl};
