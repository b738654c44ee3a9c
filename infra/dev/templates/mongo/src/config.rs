//! What __name__ is configured with, beyond what every unit is.

use chassis::config::{Amqp, Mongo};
use garde::Validate;
use serde::Deserialize;

/// The whole configuration.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Config {
    pub mongo: Mongo,
    pub amqp: Amqp,
}
