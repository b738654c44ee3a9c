//! What a note is.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The longest text of a note, in characters.
pub const LONGEST: usize = 1_000;

/// A note's text: 1 to [`LONGEST`] characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Reads a text. Blanks around it are left out.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if (1..=LONGEST).contains(&text.chars().count()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("must have 1 to {LONGEST} characters"))
        }
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a user wrote down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub id: Uuid,
    /// The user who wrote it, and alone may read it.
    pub auth_user_id: Uuid,
    /// What is written.
    pub text: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Text};

    #[test]
    fn a_text_has_bounds() {
        assert_eq!(Text::parse(" é ").unwrap().as_str(), "é");
        assert!(Text::parse(&"é".repeat(LONGEST)).is_ok());
        assert!(Text::parse(" ").is_err() && Text::parse(&"é".repeat(LONGEST + 1)).is_err());
    }
}
