//! Joins the chunks of a streamed result into one document.
//!
//! The library writes every chunk as a document of its own. For most row formats that is what one wants; for
//! `RowBinaryWithNamesAndTypes`, which the Rust client reads, the header must be taken off all but the first. Formats
//! with a frame around the rows (JSON, Parquet, …) cannot be joined, and are not streamed.

use bytes::Bytes;

/// Formats whose documents can simply follow each other.
const PLAIN: &[&str] = &[
    "RowBinary",
    "Native",
    "TabSeparated",
    "TSV",
    "TabSeparatedRaw",
    "TSVRaw",
    "CSV",
    "JSONEachRow",
    "JSONLines",
    "NDJSON",
    "JSONCompactEachRow",
    "JSONStringsEachRow",
    "JSONCompactStringsEachRow",
];

/// How the chunks of one result are joined.
#[derive(Debug)]
pub(super) enum Joint {
    /// One behind the other.
    Plain,
    /// Without the header that the first one had.
    Header(Option<Bytes>),
}

impl Joint {
    /// How chunks of this format are joined, if they can be.
    pub(super) fn of_format(format: &str) -> Option<Self> {
        if format == "RowBinaryWithNamesAndTypes" {
            return Some(Self::Header(None));
        }
        PLAIN.contains(&format).then_some(Self::Plain)
    }

    /// What the next chunk adds to the document.
    pub(super) fn add(&mut self, chunk: Bytes) -> Bytes {
        match self {
            Self::Plain => chunk,
            Self::Header(Some(header)) if chunk.starts_with(header) => chunk.slice(header.len()..),
            Self::Header(known) => {
                *known = header_length(&chunk).map(|length| chunk.slice(..length));
                chunk
            }
        }
    }
}

/// The length of the header: the number of columns, then that many names and as many types.
fn header_length(chunk: &[u8]) -> Option<usize> {
    let mut at = 0;
    let columns = varint(chunk, &mut at)?;
    for _ in 0..columns.checked_mul(2)? {
        at = varint(chunk, &mut at)?.checked_add(at)?;
    }
    (at <= chunk.len()).then_some(at)
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Joint;
    use bytes::Bytes;

    #[test]
    fn headers_stay_on_the_first_chunk_only() {
        let mut joint = Joint::of_format("RowBinaryWithNamesAndTypes").unwrap();
        let chunk = Bytes::from_static(b"\x01\x01a\x05UInt8\x07");
        assert_eq!(joint.add(chunk.clone()), chunk);
        assert_eq!(joint.add(chunk), &b"\x07"[..]);
    }

    #[test]
    fn framed_formats_are_not_streamed() {
        assert!(Joint::of_format("JSON").is_none());
        assert!(matches!(Joint::of_format("TSV"), Some(Joint::Plain)));
    }
}
