//! The kit on real engines: what it promises to other tests.

mod private;
mod sandbox;
