//! How far was shipped.

use super::WrittenEnd;
use serde::{Deserialize, Serialize};

/// The place of the next click to ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The first sequence of the segment that it is in.
    pub(super) segment: u64,
    /// Where in the segment it begins, in bytes.
    pub(super) offset: u64,
    pub(super) sequence: u64,
}

impl Position {
    pub(super) fn beginning(segment: u64) -> Self {
        Self { segment, offset: 0, sequence: segment }
    }

    pub(super) fn end(mark: WrittenEnd) -> Self {
        Self { segment: mark.segment, offset: mark.length, sequence: mark.next }
    }
}
