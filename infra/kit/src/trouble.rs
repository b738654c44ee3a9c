//! Failures that a person has to mend: what went wrong, what to do, and what the engine itself said.

use std::fmt;

/// A failure told to a person in one sentence, with the mend and, where there is one, the end of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    what: String,
    mend: String,
    log: Option<String>,
}

impl Trouble {
    /// Says what went wrong (one sentence) and what the reader can do about it.
    pub fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into(), log: None }
    }

    /// Adds the last lines of a log; an empty log adds nothing.
    #[must_use]
    pub fn with_log(mut self, log: impl Into<String>) -> Self {
        let log = log.into();
        self.log = (!log.trim().is_empty()).then_some(log);
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  mend: {}", self.what, self.mend)?;
        if let Some(log) = &self.log {
            write!(f, "\n  the end of its log:")?;
            for line in log.lines() {
                write!(f, "\n    {line}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Trouble {}

#[cfg(test)]
mod tests {
    use super::Trouble;

    #[test]
    fn says_the_mend_and_indents_the_log() {
        let trouble = Trouble::new("Redis did not start.", "free some memory").with_log("one\ntwo\n");
        assert_eq!(
            trouble.to_string(),
            "Redis did not start.\n  mend: free some memory\n  the end of its log:\n    one\n    two"
        );
    }

    #[test]
    fn an_empty_log_is_not_shown() {
        assert_eq!(Trouble::new("a", "b").with_log(" \n").to_string(), "a\n  mend: b");
    }
}
