//! A click as it came, brought into the form in which it is counted.

use super::agent::{Agent, Agents, UNKNOWN};
use contracts::event::shortener::Click;
use std::sync::Arc;

/// What is told of a visitor who came from nowhere else.
const DIRECT: &str = "direct";
/// The longest name of a host, in bytes.
const LONGEST_HOST: usize = 253;
/// The longest language subtag, in bytes (RFC 5646).
const LONGEST_LANGUAGE: usize = 8;
/// The end of the year 2099, in milliseconds: beyond, quarters of an hour would overflow.
const LATEST_MS: i64 = 4_102_444_799_999;

/// A click whose every part has an acceptable value. None is dropped for what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedClick {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The keyed hash of the visitor; 0 where it cannot be read.
    pub visitor: u128,
    /// The host that the visitor came from, or `direct`.
    pub referrer: String,
    /// The country's code, or `unknown`.
    pub country: String,
    /// The language's subtag, or `unknown`.
    pub language: String,
    pub agent: Arc<Agent>,
}

impl CountedClick {
    pub fn new(click: Click, agents: &Agents) -> Self {
        let is_host = |host: &String| (1..=LONGEST_HOST).contains(&host.len());
        let is_country = |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        let is_language =
            |tag: &String| (1..=LONGEST_LANGUAGE).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_lowercase());
        Self {
            at_ms: click.clicked_at_ms.clamp(0, LATEST_MS),
            visitor: u128::from_str_radix(&click.visitor, 16).unwrap_or_default(),
            referrer: click.referrer.filter(is_host).unwrap_or_else(|| DIRECT.to_owned()),
            country: click.country.filter(is_country).unwrap_or_else(|| UNKNOWN.to_owned()),
            language: click.language.filter(is_language).unwrap_or_else(|| UNKNOWN.to_owned()),
            agent: agents.classify(click.user_agent.as_deref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn click() -> Click {
        Click {
            url_id: Uuid::nil(),
            clicked_at_ms: 1_700_000_000_123,
            visitor: "ff".to_owned(),
            referrer: None,
            user_agent: None,
            country: None,
            language: None,
        }
    }

    #[test]
    fn what_is_not_told_has_a_name() {
        let counted = CountedClick::new(click(), &Agents::default());
        assert_eq!((counted.visitor, counted.at_ms), (255, 1_700_000_000_123));
        assert_eq!((&*counted.referrer, &*counted.country, &*counted.language), ("direct", "unknown", "unknown"));
    }

    #[test]
    fn nonsense_is_counted_without_being_believed() {
        let nonsense = Click {
            clicked_at_ms: i64::MIN,
            visitor: "not hex".to_owned(),
            referrer: Some("x".repeat(300)),
            country: Some("Brazil".to_owned()),
            language: Some("<script>".to_owned()),
            ..click()
        };
        let counted = CountedClick::new(nonsense, &Agents::default());
        assert_eq!((counted.visitor, counted.at_ms), (0, 0));
        assert_eq!((&*counted.referrer, &*counted.country, &*counted.language), ("direct", "unknown", "unknown"));
    }
}
