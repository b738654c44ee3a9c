//! A click as a line of a segment.

use serde::Serialize;
use std::cell::RefCell;

/// The longest line there can be, in bytes: every byte of the longest fields escaped.
pub(super) const LONGEST: u64 = 8 * 1024;

/// A click about to be written: `contracts::event::shortener::Click` without copies of its texts.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Line<'a> {
    /// The link's id.
    pub url_id: &'a str,
    /// When it was clicked, in milliseconds since the Unix epoch.
    pub clicked_at_ms: i64,
    /// The visitor's hash.
    pub visitor: &'a str,
    /// The host that the visitor came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer: Option<&'a str>,
    /// The user agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<&'a str>,
    /// The country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<&'a str>,
    /// The language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<&'a str>,
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(1_024));
}

/// Hands `use_` the line with its line break, written into a buffer that is used again.
pub(super) fn with_bytes<T>(line: &Line<'_>, use_: impl FnOnce(&[u8]) -> T) -> T {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        serde_json::to_writer(&mut *buffer, line).expect("texts and numbers are JSON");
        buffer.push(b'\n');
        use_(buffer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::event::shortener::Click;
    use proptest::{option, prelude::*};

    proptest! {
        #[test]
        fn a_line_reads_as_a_click_of_the_contract(
            at in any::<i64>(),
            referrer in option::of("\\PC{0,40}"),
            agent in option::of(any::<String>()),
            country in option::of("[A-Z]{2}"),
            language in option::of("[a-z]{2,3}"),
        ) {
            let id = uuid::Uuid::now_v7();
            let line = Line {
                url_id: &id.to_string(),
                clicked_at_ms: at,
                visitor: "0123456789abcdef0123456789abcdef",
                referrer: referrer.as_deref(),
                user_agent: agent.as_deref(),
                country: country.as_deref(),
                language: language.as_deref(),
            };
            let bytes = with_bytes(&line, <[u8]>::to_vec);
            prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
            let click: Click = serde_json::from_slice(&bytes).unwrap();
            let expected = Click {
                url_id: id, clicked_at_ms: at, visitor: line.visitor.into(), referrer, user_agent: agent, country, language,
            };
            prop_assert_eq!(click, expected);
        }
    }
}
