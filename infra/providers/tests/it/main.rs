//! The payment provider as a real server.

mod charges;
mod faults;
mod process;
mod refunds;
mod webhooks;
mod world;
