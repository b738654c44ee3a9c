//! The kit on real engines: what it promises to other tests.

mod closed;
mod private;
mod proxy;
mod sandbox;
