//! What is wrong with the fields of one request, gathered so that all is told at once.

use crate::problem::{Code, FieldError, Problem};
use std::fmt::Display;

/// Fields that are not acceptable, each with the reason for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Takes the value out of `parsed`, or notes what is wrong with `field`.
    pub fn take<T, E: Display>(&mut self, field: impl Into<String>, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.refuse(field, error.to_string())).ok()
    }

    /// Like [`take`](Self::take), for a field that may be absent.
    pub fn take_if<T, E: Display>(&mut self, field: impl Into<String>, parsed: Option<Result<T, E>>) -> Option<T> {
        parsed.and_then(|parsed| self.take(field, parsed))
    }

    /// Takes the value out of `parsed`, or everything that is wrong with it.
    pub fn hold<T>(&mut self, parsed: Result<T, Self>) -> Option<T> {
        parsed.map_err(|refused| self.add(refused)).ok()
    }

    /// Notes what is wrong with `field`, which is named by its path as in the request: `links[3].url`.
    pub fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), message: message.into() });
    }

    /// Adds what is wrong with others.
    pub fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The same, with `prefix` before each name.
    #[must_use]
    pub fn within(self, prefix: &str) -> Self {
        let fields = self.0.into_iter();
        Self(fields.map(|error| FieldError { field: format!("{prefix}{}", error.field), ..error }).collect())
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends the gathering.
    ///
    /// # Errors
    /// Fails with itself when a field was refused: a [`Code::ValidationFailed`].
    pub fn finish(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl From<FieldErrors> for Problem {
    fn from(refused: FieldErrors) -> Self {
        Self { errors: refused.0, ..Self::new(Code::ValidationFailed, "See the field errors.") }
    }
}

impl IntoIterator for FieldErrors {
    type Item = FieldError;
    type IntoIter = std::vec::IntoIter<FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
