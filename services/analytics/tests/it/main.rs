//! Analytics on real engines.

mod accounts;
mod coverage;
mod crashes;
mod export;
mod faults;
mod ingest;
mod links;
mod live;
mod saga;
mod stats;
mod support;
