//! A click as a line of a segment.

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use std::cell::RefCell;
use std::fmt;
use uuid::Uuid;

/// The longest line there can be, in bytes: every byte of the longest fields escaped.
pub(super) const LONGEST: u64 = 8 * 1024;

/// A click about to be written: `contracts::event::shortener::Click` without copies of its texts.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Line<'a> {
    pub url_id: &'a str,
    /// When it was clicked, in milliseconds since the Unix epoch.
    pub clicked_at_ms: i64,
    pub visitor: &'a str,
    /// The host that the visitor came from.
    pub referrer: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub country: Option<&'a str>,
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

/// What a line must hold to be read as a click of the contract; all of it is looked at, little kept.
#[derive(Deserialize)]
pub(super) struct Readable {
    #[serde(rename = "url_id")]
    _url_id: Uuid,
    pub(super) clicked_at_ms: i64,
    #[serde(rename = "visitor")]
    _visitor: Text,
    #[serde(rename = "referrer", default)]
    _referrer: Option<Text>,
    #[serde(rename = "user_agent", default)]
    _user_agent: Option<Text>,
    #[serde(rename = "country", default)]
    _country: Option<Text>,
    #[serde(rename = "language", default)]
    _language: Option<Text>,
}

/// That there is a text, whichever.
struct Text;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Self)
    }
}

impl Visitor<'_> for Text {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::event::shortener::Click;
    use proptest::option;
    use proptest::prelude::*;

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
            prop_assert_eq!(serde_json::from_slice::<Readable>(&bytes).unwrap().clicked_at_ms, at);
        }

        #[test]
        fn what_is_no_click_of_the_contract_cannot_be_read(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let id = uuid::Uuid::nil().to_string();
            let line = Line {
                url_id: &id, clicked_at_ms: 1, visitor: "0f", referrer: Some("a.example"), user_agent: Some("\"é\""),
                country: None, language: Some("pt"),
            };
            let mut bytes = with_bytes(&line, <[u8]>::to_vec);
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            let is_click = serde_json::from_slice::<Click>(&bytes).is_ok();
            prop_assert_eq!(serde_json::from_slice::<Readable>(&bytes).is_ok(), is_click);
        }
    }
}
