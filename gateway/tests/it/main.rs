//! The gateway in front of services that are played by wiremock, with a real Redis.

mod breakers;
mod clients;
mod composition;
mod differential;
mod door;
mod faults;
mod gate;
mod http;
mod layers;
mod levels;
mod limits;
mod live;
mod nodes;
mod operators;
mod orders;
mod persisted;
mod plan;
mod process;
mod products;
mod proxy;
mod schema;
mod stale_cache;
mod tokens;
