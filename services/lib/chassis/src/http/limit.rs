//! How large a request's address, parameters and headers may be. Bodies have a limit of their own: [`super::Limits`].

use super::Failure;
use axum::extract::Request;
use contracts::problem::Code;
use http::HeaderMap;
use url::form_urlencoded;

/// How long the value of one parameter of a query string may be, decoded, in bytes. What a parameter means may limit it
/// further.
pub const LONGEST_PARAMETER: usize = 1_024;
/// How long the name of a parameter may be, decoded, in bytes.
const LONGEST_NAME: usize = 64;
/// How long one segment of a path may be, in bytes: no name of ours is longer.
const LONGEST_SEGMENT: usize = 255;
/// How long path and query may be together, in bytes.
const LONGEST_TARGET: usize = 8 * 1024;
/// How many headers there may be. Fewer than hyper takes: the gateway adds some before it asks a service.
const MOST_HEADERS: usize = 80;
/// How large all headers may be together, in bytes.
const LARGEST_HEADERS: usize = 32 * 1024;

/// Refuses a request whose address or headers are too large, before anything looks at them.
pub(super) fn check(request: &Request) -> Result<(), Failure> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > LONGEST_TARGET {
        let detail = format!("Path and query may have {LONGEST_TARGET} bytes together.");
        return Err(Failure::new(Code::TargetTooLong, detail));
    }
    let headers = request.headers();
    if headers.len() > MOST_HEADERS || size(headers) > LARGEST_HEADERS {
        let detail = format!("A request may have {MOST_HEADERS} headers, and {LARGEST_HEADERS} bytes of them.");
        return Err(Failure::new(Code::HeadersTooLarge, detail));
    }
    Ok(())
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Refuses a query string with a parameter that is too long, naming it.
pub(super) fn check_query(query: &str) -> Result<(), Failure> {
    if query.len() <= LONGEST_NAME {
        return Ok(());
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name.len() > LONGEST_NAME {
            return Err(Failure::field("query", format!("a parameter's name must have at most {LONGEST_NAME} bytes")));
        }
        if value.len() > LONGEST_PARAMETER {
            return Err(Failure::field(name, format!("must have at most {LONGEST_PARAMETER} bytes")));
        }
    }
    Ok(())
}

/// Whether a segment of the path is longer than any name.
pub(super) fn is_beyond_names(path: &str) -> bool {
    path.split('/').any(|segment| segment.len() > LONGEST_SEGMENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn refused(request: http::request::Builder) -> Option<Code> {
        check(&request.body(Body::empty()).unwrap()).err().map(|failure| failure.code())
    }

    #[test]
    fn an_address_is_taken_up_to_its_limit() {
        let target = |length: usize| Request::get(format!("/r/{}", "x".repeat(length - "/r/".len())));
        assert_eq!(refused(target(LONGEST_TARGET)), None);
        assert_eq!(refused(target(LONGEST_TARGET + 1)), Some(Code::TargetTooLong));
        assert_eq!(refused(target(65_500)), Some(Code::TargetTooLong));
    }

    #[test]
    fn headers_are_limited_in_number_and_size() {
        let many = |number: usize| (0..number).fold(Request::get("/"), |request, _| request.header("a", "b"));
        assert_eq!(refused(many(MOST_HEADERS)), None);
        assert_eq!(refused(many(MOST_HEADERS + 1)), Some(Code::HeadersTooLarge));
        let long = |length: usize| Request::get("/").header("a", "b".repeat(length - 1));
        assert_eq!(refused(long(LARGEST_HEADERS)), None);
        assert_eq!(refused(long(LARGEST_HEADERS + 1)), Some(Code::HeadersTooLarge));
    }

    #[test]
    fn a_parameter_that_is_too_long_is_named() {
        let field = |query: &str| check_query(query).err().map(|failure| failure.problem().errors[0].field.clone());
        let long = |length: usize| "%C3%A9".repeat(length / 2);
        assert_eq!(field(&format!("first=3&search={}", long(LONGEST_PARAMETER))), None, "the decoded length counts");
        assert_eq!(field(&format!("first=3&search={}", long(LONGEST_PARAMETER + 2))).as_deref(), Some("search"));
        assert_eq!(field(&format!("{}=3", "x".repeat(LONGEST_NAME + 1))).as_deref(), Some("query"));
    }
}
