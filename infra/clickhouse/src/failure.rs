//! What a client is told when something fails: ClickHouse's code, its text, and the HTTP status that a server gives it.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode, header};

/// The header that carries the code of an exception.
pub static EXCEPTION_CODE: HeaderName = HeaderName::from_static("x-clickhouse-exception-code");

/// A refusal or failure, as ClickHouse numbers and words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One of ClickHouse's error codes.
    pub code: u16,
    /// The whole text: `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`.
    pub text: String,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal;)*) => {
        impl Failure {
            $($(#[$doc])* pub fn $name(message: impl std::fmt::Display) -> Self {
                Self { code: $code, text: format!("Code: {}. DB::Exception: {message}. ({})", $code, $word) }
            })*
        }
    };
}

codes! {
    /// An argument makes no sense.
    bad_arguments = 36, "BAD_ARGUMENTS";
    /// This adapter does not do that.
    not_implemented = 48, "NOT_IMPLEMENTED";
    /// The statement cannot be parsed.
    syntax = 62, "SYNTAX_ERROR";
    unknown_database = 81, "UNKNOWN_DATABASE";
    /// A database of that name exists.
    database_exists = 82, "DATABASE_ALREADY_EXISTS";
    unknown_setting = 115, "UNKNOWN_SETTING";
    /// No password was given.
    password_required = 194, "REQUIRED_PASSWORD";
    /// As many queries as allowed run and wait already.
    too_many_queries = 202, "TOO_MANY_SIMULTANEOUS_QUERIES";
    /// The body is larger than allowed.
    too_large = 445, "QUERY_IS_TOO_LARGE";
    /// The login may not do that.
    access_denied = 497, "ACCESS_DENIED";
    /// User and password do not match.
    authentication = 516, "AUTHENTICATION_FAILED";
    /// Something that should work did not.
    internal = 1001, "STD_EXCEPTION";
}

impl Failure {
    /// Takes over what the engine says, which starts with its code.
    pub fn of_engine(text: String) -> Self {
        let digits = text.strip_prefix("Code: ").and_then(|rest| rest.split('.').next());
        let code = digits.and_then(|digits| digits.parse().ok()).unwrap_or(1001);
        Self { code, text }
    }

    /// The status that ClickHouse's HTTP interface gives this code.
    pub fn status(&self) -> StatusCode {
        match self.code {
            194 => StatusCode::UNAUTHORIZED,
            192 | 193 | 497 | 516 => StatusCode::FORBIDDEN,
            6 | 25..=27 | 36 | 38 | 41 | 43 | 53 | 62 | 69 | 72 | 117 | 130 | 131 | 427 | 457 | 467 => {
                StatusCode::BAD_REQUEST
            }
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 81 | 115 | 336 => StatusCode::NOT_FOUND,
            159 => StatusCode::REQUEST_TIMEOUT,
            445 => StatusCode::PAYLOAD_TOO_LARGE,
            48 => StatusCode::NOT_IMPLEMENTED,
            202 | 209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(format!("{}\n", self.text)));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(EXCEPTION_CODE.clone(), self.code.into());
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=UTF-8"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn the_code_is_read_from_the_text() {
        let failure = Failure::of_engine("Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE)".into());
        assert_eq!((failure.code, failure.status().as_u16()), (60, 404));
        assert_eq!(Failure::of_engine("boom".into()).status().as_u16(), 500);
    }
}
