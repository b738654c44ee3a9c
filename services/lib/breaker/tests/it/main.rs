//! The breaker seen from outside.

mod machine;
mod properties;
mod shared;
