//! The one place for what Vitrine's units say to each other.
//!
//! * [`envelope`]: CloudEvents 1.0 around every event.
//! * [`event`]: the data of every event, by owner.
//! * [`command`]: what sagas tell services to do, and the replies.
//! * [`moment`]: points in time as clients send them.
//! * [`patience`]: how long each of ours waits for the next one.
//! * [`money`] and [`person`]: values that events and REST share.
//! * [`text`]: what texts show.
//! * [`amqp`]: names of exchanges, streams and queues.
//! * [`rest`]: requests and answers of every service's REST API, by owner.
//! * [`problem`]: RFC 9457 problems and the closed list of error codes.
//!
//! JSON Schemas, AsyncAPI, OpenAPI and the GraphQL SDL under `contracts/generated` are made from
//! these types. This crate depends on no other crate of the workspace and does no I/O.

pub mod amqp;
pub mod asyncapi;
pub mod command;
pub mod envelope;
pub mod event;
pub mod field_errors;
pub mod moment;
pub mod money;
pub mod patience;
pub mod person;
pub mod problem;
pub mod rest;
pub mod text;
