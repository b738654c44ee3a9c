//! The inbox: which events a consumer has handled, written in the transaction of their effect.
//!
//! The broker delivers at least once. An event whose entry is there already has had its effect,
//! because both were committed together; so a repeat changes nothing.

pub mod postgres;
