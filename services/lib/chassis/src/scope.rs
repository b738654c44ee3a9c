//! The request or message that work belongs to, taken along to where it is done with that of others.

use crate::http::RequestId;
use futures::FutureExt as _;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

tokio::task_local! {
    /// The message that is being handled: the cause of what is sent meanwhile.
    static CAUSE: Uuid;
}

/// The id of the message on whose behalf the current task runs, if any.
#[must_use]
pub fn cause() -> Option<Uuid> {
    CAUSE.try_with(|cause| *cause).ok()
}

/// A request's id and trace, and the message that caused it, for work that another task does on its behalf.
#[derive(Debug, Clone)]
pub struct Scope {
    request: Option<RequestId>,
    cause: Option<Uuid>,
    span: Span,
}

impl Scope {
    /// That of a request by its id, if it is known, and its trace.
    #[must_use]
    pub fn of(request: Option<&str>, span: Span) -> Self {
        Self { request: request.map(RequestId::from), cause: None, span }
    }

    /// That of the request on whose behalf the current task runs, if any.
    #[must_use]
    pub fn current() -> Self {
        Self { request: RequestId::current(), cause: cause(), span: Span::current() }
    }

    /// As caused by the message with this id.
    #[must_use]
    pub fn caused_by(self, message: Uuid) -> Self {
        Self { cause: Some(message), ..self }
    }

    /// Does `work`, which waits for nothing, as part of the request: see [`run`](Self::run).
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        self.run(async { work() }).now_or_never().expect("nothing in it waits")
    }

    /// Runs `work` as part of the request: what it logs and sends carries the request's id and trace, and the cause.
    pub async fn run<F: Future>(&self, work: F) -> F::Output {
        let work = work.instrument(self.span.clone());
        let caused = async {
            match self.cause {
                Some(cause) => CAUSE.scope(cause, work).await,
                None => work.await,
            }
        };
        match &self.request {
            Some(id) => id.clone().scope(caused).await,
            None => caused.await,
        }
    }
}
