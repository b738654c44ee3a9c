//! The smaller fields of a link, and what is said about those that are refused.

use contracts::text::is_blank;

/// The most tags of a link.
const MOST_TAGS: usize = 20;
/// The longest tag, in characters.
const LONGEST_TAG: usize = 50;
/// The longest title, in characters.
const LONGEST_TITLE: usize = 200;
/// The largest limit of clicks: what every client's integers can hold.
const LARGEST_LIMIT: u64 = 1_000_000_000;

/// A title: 1 to 200 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(pub(super) String);

impl Title {
    /// Reads a title; one without visible characters counts as absent.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let text = text.trim();
        if text.chars().count() > LONGEST_TITLE {
            return Err(format!("must have at most {LONGEST_TITLE} characters"));
        }
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters".to_owned());
        }
        Ok((!is_blank(text)).then(|| Self(text.to_owned())))
    }
}

/// Tags: at most 20 different ones of 1 to 50 characters, in the owner's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(pub(super) Vec<String>);

impl Tags {
    /// Reads tags; repeated ones count once.
    pub fn parse(tags: &[String]) -> Result<Self, String> {
        let mut kept: Vec<String> = Vec::with_capacity(tags.len().min(MOST_TAGS));
        for tag in tags.iter().map(|tag| tag.trim()) {
            if is_blank(tag) || tag.chars().count() > LONGEST_TAG {
                return Err(format!("each must have 1 to {LONGEST_TAG} characters"));
            }
            if tag.chars().any(char::is_control) {
                return Err("must not contain control characters".to_owned());
            }
            if kept.iter().any(|known| known == tag) {
                continue;
            }
            if kept.len() == MOST_TAGS {
                return Err(format!("must have at most {MOST_TAGS} tags"));
            }
            kept.push(tag.to_owned());
        }
        Ok(Self(kept))
    }
}

/// The status of a redirect: 301, 302, 307 or 308.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedirectStatus(pub(super) u16);

impl Default for RedirectStatus {
    fn default() -> Self {
        Self(302)
    }
}

impl RedirectStatus {
    pub fn parse(status: u16) -> Result<Self, &'static str> {
        match status {
            301 | 302 | 307 | 308 => Ok(Self(status)),
            _ => Err("must be 301, 302, 307 or 308"),
        }
    }
}

/// After how many redirects a link ends: 1 to 1,000,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxClicks(pub(super) u64);

impl MaxClicks {
    pub fn parse(limit: u64) -> Result<Self, String> {
        if (1..=LARGEST_LIMIT).contains(&limit) {
            Ok(Self(limit))
        } else {
            Err(format!("must be 1 to {LARGEST_LIMIT}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_trimmed_counted_once_and_bounded() {
        let tags = |texts: &[&str]| Tags::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(tags(&[" a ", "b", "a"]).unwrap().0, ["a", "b"]);
        assert!(tags(&[""]).is_err() && tags(&["\u{200b}"]).is_err());
        assert!(tags(&[&"é".repeat(50)]).is_ok());
        assert!(tags(&[&"é".repeat(51)]).is_err());
        let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        assert!(Tags::parse(&many[..20]).is_ok());
        assert!(Tags::parse(&many).is_err());
    }

    #[test]
    fn a_blank_title_is_none_and_one_with_line_breaks_is_refused() {
        for blank in ["  ", "\u{200b}", "\u{feff}"] {
            assert_eq!(Title::parse(blank), Ok(None));
        }
        assert_eq!(Title::parse(" a b "), Ok(Some(Title("a b".into()))));
        assert!(Title::parse("a\nb").is_err());
        assert!(Title::parse(&"x".repeat(201)).is_err());
    }

    #[test]
    fn limits_and_statuses_are_bounded() {
        assert!(MaxClicks::parse(0).is_err());
        assert!(MaxClicks::parse(1).is_ok());
        assert!(RedirectStatus::parse(303).is_err());
    }
}
