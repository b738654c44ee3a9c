//! The adapter as its clients see it: the real binary over the real engine, each test with its own folder and port.

mod access;
mod adapter;
mod client;
mod crash;
mod features;
mod limits;
