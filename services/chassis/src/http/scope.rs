//! The request that work belongs to, taken along to where it is done with that of others.

use super::RequestId;
use tracing::{Instrument as _, Span};

/// A request's id and trace, for work that another task does on its behalf.
#[derive(Debug, Clone)]
pub struct Scope {
    id: Option<RequestId>,
    span: Span,
}

impl Scope {
    /// That of a request by its id, if it is known, and its trace.
    #[must_use]
    pub fn of(id: Option<&str>, span: Span) -> Self {
        Self { id: id.map(RequestId::from), span }
    }

    /// That of the request on whose behalf the current task runs, if any.
    #[must_use]
    pub fn current() -> Self {
        Self { id: RequestId::current(), span: Span::current() }
    }

    /// Runs `work` as part of the request: what it logs and sends carries the request's id and trace.
    pub async fn run<F: Future>(&self, work: F) -> F::Output {
        let work = work.instrument(self.span.clone());
        match &self.id {
            Some(id) => id.clone().scope(work).await,
            None => work.await,
        }
    }
}
