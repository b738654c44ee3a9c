//! Orchestrated sagas over the broker.
