//! Pages of lists: each row with a cursor that is opaque to clients.

use crate::http::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::problem::Code;

/// How many rows a page holds unless asked.
const DEFAULT: u32 = 20;
/// How many it holds at most.
const LARGEST: u32 = 100;

/// The cursor is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not valid")]
pub struct InvalidCursor;

impl From<InvalidCursor> for Failure {
    fn from(_: InvalidCursor) -> Self {
        Self::new(Code::InvalidCursor, "Take cursors from the answers of this list.")
    }
}

/// How many rows are asked for: 20 when the request does not say, 100 at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest(u32);

impl Default for PageRequest {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl PageRequest {
    /// Reads how many rows are asked for.
    ///
    /// # Errors
    /// Tells, for a person, what is wrong.
    pub fn parse(first: Option<u32>) -> Result<Self, String> {
        let first = first.unwrap_or(DEFAULT);
        if (1..=LARGEST).contains(&first) { Ok(Self(first)) } else { Err(format!("must be 1 to {LARGEST}")) }
    }

    /// How many rows to read: one more than the page holds, to know whether more follow.
    #[must_use]
    pub fn limit(self) -> u32 {
        self.0 + 1
    }

    /// Makes a page of rows that were read up to [`limit`](Self::limit).
    #[must_use]
    pub fn page<T>(self, mut rows: Vec<T>) -> Page<T> {
        let has_next_page = rows.len() > self.0 as usize;
        rows.truncate(self.0 as usize);
        Page { rows, has_next_page }
    }
}

/// Some rows of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether more follow.
    pub has_next_page: bool,
}

/// Makes the cursor of a place in the list of this name.
pub fn cursor(list: &str, place: impl AsRef<[u8]>) -> String {
    let place = place.as_ref();
    URL_SAFE_NO_PAD.encode([place, &seal(list, place)].concat())
}

/// Reads the place that a cursor stands for in the list of this name.
///
/// # Errors
/// Fails when it was made for another list, or not by us.
pub fn read_cursor<const N: usize>(list: &str, cursor: Option<&str>) -> Result<Option<[u8; N]>, InvalidCursor> {
    let read = |cursor| {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (place, sealed) = bytes.split_last_chunk()?;
        if *sealed == seal(list, place) { place.try_into().ok() } else { None }
    };
    cursor.map(|cursor| read(cursor).ok_or(InvalidCursor)).transpose()
}

/// Tells cursors of one list from those of others, and from texts that are none (FNV-1a). It is no secret: who
/// computes it reaches a place in a list that is the caller's to read anyway.
fn seal(list: &str, place: &[u8]) -> [u8; 4] {
    let bytes = list.bytes().chain([0]).chain(place.iter().copied());
    bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_whether_more_follow_and_its_cursors_read_as_they_were_made() {
        let page = PageRequest::parse(Some(2)).unwrap().page(vec![7_u64, 6, 5]);
        assert_eq!((page.rows, page.has_next_page), (vec![7, 6], true));
        let cursor = cursor("links", 6_u64.to_be_bytes());
        assert_eq!(read_cursor("links", Some(&cursor)), Ok(Some(6_u64.to_be_bytes())));
        assert_eq!(read_cursor::<8>("orders", Some(&cursor)), Err(InvalidCursor), "another list's");
        assert_eq!(read_cursor::<16>("links", Some(&cursor)), Err(InvalidCursor));
        let forged = URL_SAFE_NO_PAD.encode([0x7f; 12]);
        for bad in ["", "x", "AAAA", "not base64!", &forged, &cursor[1..], &"A".repeat(9_000)] {
            assert_eq!(read_cursor::<8>("links", Some(bad)), Err(InvalidCursor), "{bad}");
        }
        assert_eq!(read_cursor::<8>("links", None), Ok(None));
    }

    #[test]
    fn pages_are_neither_empty_nor_endless() {
        assert!(PageRequest::parse(Some(0)).is_err() && PageRequest::parse(Some(101)).is_err());
        assert_eq!(PageRequest::parse(None).map(PageRequest::limit), Ok(21));
    }
}
