//! The outside world, as real HTTP servers with faults that can be switched on.
