//! The media types that a client sends and accepts.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`: request errors have a 4xx status.
    Graphql,
    /// `application/json`, for older clients: every well-formed request gets 200.
    Json,
}

impl Media {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Graphql => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }
}

/// Chooses the type that the client prefers. Without `Accept`, or with a wildcard, it is `application/json`, because
/// older clients know no other. Returns `None` if the client accepts neither.
pub(super) fn negotiate(headers: &HeaderMap) -> Option<Media> {
    if !headers.contains_key(ACCEPT) {
        return Some(Media::Json);
    }
    let offers = accepted(headers);
    let liking = |names: &[&str]| {
        // The most specific range counts (RFC 9110, 12.5.1): the first of `names`.
        let speaks = names.iter().find_map(|name| offers.iter().find(|(range, _)| range == name));
        speaks.map_or(0.0, |(_, quality)| *quality)
    };
    let json = liking(&["application/json", "application/*", "*/*"]);
    let named = liking(&["application/graphql-response+json"]);
    let graphql = liking(&["application/graphql-response+json", "application/*", "*/*"]);
    if graphql <= 0.0 && json <= 0.0 {
        return None;
    }
    let is_better = graphql > json || (named > 0.0 && graphql >= json);
    Some(if is_better { Media::Graphql } else { Media::Json })
}

/// Whether the client accepts server-sent events by name. Wildcards do not count.
pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    accepted(headers).iter().any(|(range, quality)| range == "text/event-stream" && *quality > 0.0)
}

pub(super) fn wants_html(headers: &HeaderMap) -> bool {
    accepted(headers).iter().any(|(range, quality)| range == "text/html" && *quality > 0.0)
}

/// Whether the body is JSON in UTF-8.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    let is_json = parts.next().is_some_and(|media| media == "application/json");
    let charset = parts.find_map(|part| part.strip_prefix("charset=").map(|name| name.trim_matches('"').to_owned()));
    is_json && charset.is_none_or(|name| name == "utf-8" || name == "utf8")
}

/// Returns the media ranges of `Accept` with their quality values.
fn accepted(headers: &HeaderMap) -> Vec<(String, f32)> {
    let values = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(','));
    let parse = |range: &str| {
        let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=").map(|q| q.parse().unwrap_or(0.0)));
        (name, quality.unwrap_or(1.0))
    };
    ranges.map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn negotiated(accept: &'static str) -> Option<Media> {
        negotiate(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]))
    }

    #[test]
    fn the_client_gets_what_it_likes_best() {
        let (graphql, json) = (Some(Media::Graphql), Some(Media::Json));
        assert_eq!(negotiate(&HeaderMap::new()), json);
        assert_eq!(negotiated("*/*"), json);
        assert_eq!(negotiated("application/*"), json);
        assert_eq!(negotiated("application/json"), json);
        assert_eq!(negotiated("application/graphql-response+json"), graphql);
        assert_eq!(negotiated("application/graphql-response+json; charset=utf-8, application/json;q=0.9"), graphql);
        assert_eq!(negotiated("application/graphql-response+json, application/json"), graphql);
        assert_eq!(negotiated("application/graphql-response+json;q=0.5, application/json"), json);
        assert_eq!(negotiated("application/json;q=0, */*"), graphql);
        assert_eq!(negotiated("text/html, application/xml"), None);
        assert_eq!(negotiated("application/json;q=0"), None);
    }

    #[test]
    fn only_json_in_utf_8_is_read() {
        let read =
            |value: &'static str| is_json(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]));
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
            assert!(read(good), "{good}");
        }
        for bad in ["text/plain", "application/json; charset=latin1", "multipart/form-data", ""] {
            assert!(!read(bad), "{bad}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
