//! Errors of services, as GraphQL clients get them.

use crate::upstream::error::UpstreamError;
use async_graphql::{ErrorExtensionValues, Value};
use contracts::problem::{Code, Problem};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

/// A problem, and the service that reported it. It has no `Display`, so that a GraphQL error is never made of it
/// without its extensions.
#[derive(Debug, Clone)]
pub struct ServiceError {
    /// The service, or `gateway`.
    pub service: String,
    pub problem: Box<Problem>,
}

impl ServiceError {
    pub fn of(service: &str, problem: Problem) -> Self {
        Self { service: service.to_owned(), problem: Box::new(problem) }
    }

    pub fn own(code: Code, detail: impl Into<String>) -> Self {
        Self::of("gateway", Problem::new(code, detail))
    }

    pub fn argument(name: &str, message: impl Into<String>) -> Self {
        Self::of("gateway", Problem::field(name, message))
    }

    /// Makes the error of a fault of ours. The cause is logged, and clients do not see it.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(error = %cause, "A request failed.");
        Self::own(Code::Internal, "An internal error occurred. Report it with the request id.")
    }

    /// Makes the error of a call that got no response.
    pub fn no_answer(service: &str, error: UpstreamError) -> Self {
        Self::of(service, error.into_failure(service).into_problem())
    }

    /// Makes the error of a response that is not a success. A problem with the client's request (4xx) is passed on. Of
    /// a problem of the service itself, only the kind is passed on.
    pub fn answered(service: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let told = serde_json::from_slice::<Problem>(body).ok();
        let wait = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let wait = told.as_ref().and_then(|problem| problem.retry_after_ms).or(wait.map(|s: u64| s * 1_000));
        let mut problem = match (status.as_u16(), told) {
            (400..=499, Some(problem)) => problem,
            (503, Some(Problem { code: Code::Overloaded, .. })) => {
                Problem::new(Code::Overloaded, format!("{service} is busy at the moment."))
            }
            (503, _) => Problem::new(Code::Unavailable, format!("{service} is not available at the moment.")),
            (504, _) => Problem::new(Code::Timeout, format!("{service} did not answer in time.")),
            _ => Problem::new(Code::BadUpstream, format!("{service} sent an unexpected response.")),
        };
        problem.retry_after_ms = wait.or((status == 503).then_some(1_000));
        Self::of(service, problem)
    }

    /// Makes the error of a response that breaks the contract.
    pub fn unreadable(service: &str, cause: &serde_json::Error) -> Self {
        tracing::error!(upstream = service, error = %cause, "An answer is not what the contract says.");
        let detail = format!("{service} sent a response that cannot be read.");
        Self::of(service, Problem::new(Code::BadUpstream, detail))
    }

    /// Renames a field of the service's request to the GraphQL argument that it came from.
    pub fn renamed(mut self, field: &str, argument: &str) -> Self {
        for error in self.problem.errors.iter_mut().filter(|error| error.field == field) {
            argument.clone_into(&mut error.field);
        }
        self
    }

    /// Makes the error of arguments that are not valid.
    pub fn refused(failure: chassis::http::Failure) -> Self {
        Self::of("gateway", failure.into_problem())
    }

    /// Whether the service is away. Then an older answer may replace the error.
    pub fn is_absence(&self) -> bool {
        matches!(self.problem.code, Code::Unavailable | Code::Overloaded | Code::Timeout | Code::BadUpstream)
    }
}

impl From<ServiceError> for async_graphql::Error {
    fn from(error: ServiceError) -> Self {
        let problem = *error.problem;
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", problem.code.as_str());
        extensions.set("service", error.service);
        extensions.set("retryAfterMs", problem.retry_after_ms.map_or(Value::Null, Value::from));
        if !problem.errors.is_empty() {
            let fields = problem.errors.into_iter().map(|error| {
                let field = Value::from(argument(&error.field));
                Value::Object([("field", field), ("message", error.message.into())].map(named).into())
            });
            extensions.set("fields", Value::List(fields.collect()));
        }
        let mut made = Self::new(problem.detail.unwrap_or(problem.title));
        made.extensions = Some(extensions);
        made
    }
}

fn named((name, value): (&str, Value)) -> (async_graphql::Name, Value) {
    (async_graphql::Name::new(name), value)
}

/// Names the GraphQL argument that a field of a service's request came from. Clients do not know the positions in a
/// request that gathers several of theirs.
pub(crate) fn argument(field: &str) -> String {
    let field = field.strip_prefix("window.").unwrap_or(field);
    let field = match field.strip_prefix("facets[").and_then(|rest| rest.split_once("].")) {
        Some((_, own)) => own,
        None => field,
    };
    match field.strip_prefix("links") {
        Some(rest) if rest.is_empty() || rest.starts_with('[') => format!("inputs{}", camel_case(rest)),
        _ => camel_case(field),
    }
}

/// Services say `redirect_status`, GraphQL says `redirectStatus`.
fn camel_case(field: &str) -> String {
    let mut upper = false;
    field.chars().fold(String::with_capacity(field.len()), |mut text, char| {
        match (char, upper) {
            ('_', _) => upper = true,
            (char, true) => {
                text.extend(char.to_uppercase());
                upper = false;
            }
            (char, false) => text.push(char),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Problem {
        let status = StatusCode::from_u16(status).expect("a status");
        *ServiceError::answered("shortener", status, &HeaderMap::new(), body.as_bytes()).problem
    }

    #[test]
    fn what_a_service_says_of_the_request_is_passed_on_and_what_it_says_of_itself_is_not() {
        let taken = serde_json::to_string(&Problem::new(Code::CodeTaken, "promo is taken.")).expect("JSON");
        assert_eq!(answered(409, &taken).detail.as_deref(), Some("promo is taken."));
        let inner = serde_json::to_string(&Problem::new(Code::Unavailable, "mongo-3:27017 is away")).expect("JSON");
        let told = answered(503, &inner);
        assert_eq!((told.code, told.retry_after_ms), (Code::Unavailable, Some(1_000)));
        assert!(!told.detail.unwrap_or_default().contains("mongo"));
        assert_eq!(answered(500, "<html>").code, Code::BadUpstream);
        assert_eq!(answered(404, "<html>").code, Code::BadUpstream, "not one of ours");
        assert_eq!(answered(302, "").code, Code::BadUpstream);
    }

    #[test]
    fn fields_are_named_as_graphql_names_them() {
        for (told, named) in [
            ("url", "url"),
            ("redirect_status", "redirectStatus"),
            ("links", "inputs"),
            ("links[3].fallback_url", "inputs[3].fallbackUrl"),
            ("window.time_zone", "timeZone"),
            ("facets[12].granularity", "granularity"),
            ("link_code", "linkCode"),
            ("items[2].product_id", "items[2].productId"),
            ("shipping_address.zip_code", "shippingAddress.zipCode"),
        ] {
            assert_eq!(argument(told), named);
        }
    }
}
