//! Who asks: the ways in which ClickHouse takes a name and a password.

use crate::request::Parts;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// A name and a password, as they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl Credentials {
    /// Reads them from `X-ClickHouse-User` and `-Key`, from Basic authentication, or from the URL; the first of these
    /// that names a user or password is taken.
    pub(super) fn of(headers: &HeaderMap, parts: &Parts) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let own = (header("x-clickhouse-user"), header("x-clickhouse-key"));
        let (user, password) = match own {
            (None, None) => header(AUTHORIZATION.as_str())
                .as_deref()
                .and_then(basic)
                .unwrap_or_else(|| (parts.get("user").map(str::to_owned), parts.get("password").map(str::to_owned))),
            given => given,
        };
        Self { user: user.unwrap_or_else(|| "default".into()), password: password.unwrap_or_default() }
    }
}

fn basic(header: &str) -> Option<(Option<String>, Option<String>)> {
    let text = String::from_utf8(BASE64_STANDARD.decode(header.strip_prefix("Basic ")?.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((Some(user.to_owned()), Some(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::Credentials;
    use crate::request::Parts;
    use http::HeaderMap;

    fn of(header: Option<(&'static str, &str)>, query: &str) -> (String, String) {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        let Credentials { user, password } = Credentials::of(&headers, &Parts::of_url(Some(query)));
        (user, password)
    }

    #[test]
    fn every_way_is_read() {
        assert_eq!(of(Some(("x-clickhouse-key", "p")), "user=a"), ("default".into(), "p".into()));
        assert_eq!(of(Some(("authorization", "Basic YTpiOmM=")), ""), ("a".into(), "b:c".into()));
        assert_eq!(of(None, "user=a&password=b"), ("a".into(), "b".into()));
        assert_eq!(of(None, ""), ("default".into(), String::new()));
    }
}
