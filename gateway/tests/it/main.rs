//! The gateway in front of services that are played by wiremock, with a real Redis.

mod composition;
mod faults;
mod gate;
mod http;
mod layers;
mod limits;
mod operators;
mod proxy;
mod tokens;
