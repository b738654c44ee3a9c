//! Analytics on real engines.

mod accounts;
mod coverage;
mod export;
mod faults;
mod ingest;
mod links;
mod live;
mod stats;
mod support;
