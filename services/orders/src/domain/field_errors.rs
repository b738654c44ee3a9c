//! What is wrong with a request, gathered so that all is told at once.

/// Fields that are not acceptable, each with the reason for a person.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FieldErrors(Vec<(String, String)>);

impl FieldErrors {
    /// Takes the value out of `parsed`, or notes what is wrong with `field`.
    pub fn take<T, E: ToString>(&mut self, field: impl Into<String>, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.refuse(field, error.to_string())).ok()
    }

    /// Takes the value out of `parsed`, or everything that is wrong with it.
    pub fn hold<T>(&mut self, parsed: Result<T, Self>) -> Option<T> {
        parsed.map_err(|refused| self.0.extend(refused.0)).ok()
    }

    /// These, and then the others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Notes what is wrong with `field`.
    pub fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push((field.into(), message.into()));
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for FieldErrors {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
