//! RFC 9457 problems (`application/problem+json`) and the closed list of error codes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $wire:literal, $status:literal, $title:literal;)+) => {
        /// Every error that a client can be told of. `docs/errors/` has a page for each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code, in the order of the list.
            pub const ALL: &'static [Code] = &[$(Code::$name),+];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $wire),+ }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Code::$name => $status),+ }
            }

            /// A short sentence that is the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Code::$name => $title),+ }
            }
        }
    };
}

codes! {
    /// The body is not what the route reads: not JSON, or of another shape.
    MalformedRequest = "malformed_request", 400, "The request could not be read";
    /// One or more fields are not acceptable; each is listed.
    ValidationFailed = "validation_failed", 400, "Some fields are not acceptable";
    /// The cursor was not made by this service, or for another list.
    InvalidCursor = "invalid_cursor", 400, "The cursor is not valid";
    /// No credentials came, and the operation needs some.
    Unauthenticated = "unauthenticated", 401, "Authentication is required";
    /// The access token is malformed, forged, expired, or meant for somebody else.
    InvalidToken = "invalid_token", 401, "The access token is not valid";
    /// E-mail and password do not belong together.
    InvalidCredentials = "invalid_credentials", 401, "E-mail or password is wrong";
    /// The service or its secret is unknown.
    InvalidClient = "invalid_client", 401, "The service's name or secret is wrong";
    /// The refresh token is unknown, expired, revoked, or was used before.
    InvalidRefreshToken = "invalid_refresh_token", 401, "The refresh token is not valid";
    /// The caller is known but may not do this.
    Forbidden = "forbidden", 403, "This is not allowed";
    /// There is no such thing, or it is not the caller's.
    NotFound = "not_found", 404, "Not found";
    /// The route exists, but not with this method.
    MethodNotAllowed = "method_not_allowed", 405, "The method is not allowed here";
    /// None of the media types that the client accepts can be made.
    NotAcceptable = "not_acceptable", 406, "No acceptable media type";
    /// The thing changed meanwhile, or is in a state that does not allow this.
    Conflict = "conflict", 409, "The state does not allow this";
    /// An account with this e-mail exists.
    EmailTaken = "email_taken", 409, "The e-mail is taken";
    /// A link with this code exists or existed.
    CodeTaken = "code_taken", 409, "The code is taken";
    /// A request with the same idempotency key is still running.
    IdempotencyInProgress = "idempotency_in_progress", 409, "A request with this key is still running";
    /// A product with this SKU exists.
    SkuTaken = "sku_taken", 409, "The SKU is taken";
    /// The customer's data was erased and cannot be read or changed any more.
    Erased = "erased", 410, "The customer was erased";
    /// The link is expired, deleted, or used up.
    Gone = "gone", 410, "The link leads nowhere any more";
    /// The body is larger than the route takes.
    PayloadTooLarge = "payload_too_large", 413, "The body is too large";
    /// Path and query together are longer than the address of a request may be.
    TargetTooLong = "target_too_long", 414, "The address is too long";
    /// The body's media type is not one that the route reads.
    UnsupportedMediaType = "unsupported_media_type", 415, "The media type is not supported";
    /// The idempotency key was used with another request.
    IdempotencyMismatch = "idempotency_mismatch", 422, "The key was used with another request";
    /// The protocol is spoken here, but in another version.
    UpgradeRequired = "upgrade_required", 426, "Another version of the protocol is needed";
    /// The caller or the address made too many requests.
    RateLimited = "rate_limited", 429, "Too many requests";
    /// The request has more headers, or longer ones, than a request may have.
    HeadersTooLarge = "headers_too_large", 431, "The headers are too large";
    /// The GraphQL query is larger than the limits allow.
    QueryTooComplex = "query_too_complex", 400, "The query is too complex";
    /// Something broke on our side; the request id leads to the log.
    Internal = "internal", 500, "Something went wrong on our side";
    /// A service behind the gateway answered what it must not.
    BadUpstream = "bad_upstream", 502, "A service gave a bad answer";
    /// A service, or the store that it needs, is away for the moment.
    Unavailable = "unavailable", 503, "The service is not available at the moment";
    /// The service has more work than it can take on; it shed this request before it began.
    Overloaded = "overloaded", 503, "The service has too much work at the moment";
    /// A service did not answer in time.
    Timeout = "timeout", 504, "The service did not answer in time";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong, as the client is told.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct Problem {
    /// A URI that identifies the kind of problem: `urn:vitrine:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every problem of the kind.
    pub title: String,
    pub status: u16,
    /// What happened this time, for a person.
    pub detail: Option<String>,
    /// What happened, for a program.
    pub code: Code,
    /// Leads to the request in the logs.
    pub request_id: Option<String>,
    /// After how many milliseconds another try may succeed.
    pub retry_after_ms: Option<u64>,
    /// The fields that are not acceptable.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<FieldError>,
}

/// One field that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct FieldError {
    /// The field's path as in the request, for example `links[3].url`.
    pub field: String,
    /// What is wrong with it, for a person.
    pub message: String,
}

impl Problem {
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:vitrine:problem:{code}"),
            title: code.title().to_owned(),
            status: code.status(),
            detail: Some(detail.into()),
            code,
            request_id: None,
            retry_after_ms: None,
            errors: Vec::new(),
        }
    }

    /// Makes a [`Code::ValidationFailed`] that names one field.
    #[must_use]
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Code::ValidationFailed, "See the field errors.").with_field(field, message)
    }

    /// Adds a field that is not acceptable.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), message: message.into() });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_name_is_what_serde_writes() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn every_code_has_a_page() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors");
        for code in Code::ALL {
            let page = format!("{folder}/{code}.md");
            assert!(std::path::Path::new(&page).exists(), "{page} is missing");
        }
    }
}
