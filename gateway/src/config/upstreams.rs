//! The services behind the gateway.

use garde::Validate;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// The services behind the gateway, by name. Those that the GraphQL schema needs have defaults; others are added by
/// name.
#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[serde(transparent)]
pub struct Upstreams(#[garde(custom(names_are_routes), dive)] pub BTreeMap<String, Upstream>);

impl Upstreams {
    /// Returns every upstream with its address filled in.
    pub fn resolved(&self) -> BTreeMap<String, Upstream> {
        let mut all = self.0.clone();
        for (name, url, tune) in DEFAULTS {
            let upstream = all.entry((*name).to_owned()).or_default();
            upstream.url.get_or_insert_with(|| Url::parse(url).expect("the defaults are URLs"));
            tune(upstream);
        }
        all
    }
}

type Tune = fn(&mut Upstream);

/// The upstreams that the GraphQL schema needs, with what is special about each.
const DEFAULTS: &[(&str, &str, Tune)] = &[
    ("auth", "http://127.0.0.1:3002", |auth| {
        // Argon2 is slow, and under load it waits for a core.
        auth.deadline_ms.get_or_insert(5_000);
        auth.try_timeout_ms.get_or_insert(4_000);
        auth.paths.get_or_insert_with(|| vec!["/v1/".to_owned(), "/.well-known/jwks.json".to_owned()]);
    }),
    ("shortener", "http://127.0.0.1:3000", |_| {}),
    ("analytics", "http://127.0.0.1:3001", |analytics| {
        // A link must arrive within a second, with statistics or without.
        analytics.deadline_ms.get_or_insert(800);
        analytics.try_timeout_ms.get_or_insert(550);
    }),
    ("orders", "http://127.0.0.1:3003", |_| {}),
    ("inventory", "http://127.0.0.1:3004", |_| {}),
    ("payments", "http://127.0.0.1:3005", |payments| {
        // Its webhook is for the provider, which uses another address.
        let paths = ["/v1/payments/", "/v1/orders/", "/v1/dead-letters", "/v1/dead-letters/"];
        payments.paths.get_or_insert_with(|| paths.map(str::to_owned).into());
    }),
];

#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[garde(allow_unvalidated)]
#[serde(default, deny_unknown_fields)]
pub struct Upstream {
    /// Required for services without a default.
    #[garde(custom(http))]
    pub url: Option<Url>,
    /// The deadline of a call with its retries, in milliseconds. Default: 2,000.
    #[garde(inner(range(min = 10, max = 60_000)))]
    pub deadline_ms: Option<u64>,
    /// The deadline of a write, in milliseconds. Default: [`contracts::patience::WRITE`].
    #[garde(inner(range(min = 10, max = 60_000)))]
    pub write_deadline_ms: Option<u64>,
    /// The timeout of one try, in milliseconds. Default: 1,500.
    #[garde(inner(range(min = 10, max = 60_000)))]
    pub try_timeout_ms: Option<u64>,
    /// How many calls may be under way at once. Default: 512.
    #[garde(inner(range(min = 1, max = 100_000)))]
    pub concurrency: Option<usize>,
    /// The public paths: prefixes that end in `/`, or whole paths. Default: `/v1/`.
    pub paths: Option<Vec<String>>,
}

impl Upstream {
    /// Returns the address.
    ///
    /// # Panics
    /// Panics on an upstream that was not [resolved](Upstreams::resolved).
    pub fn url(&self) -> &Url {
        self.url.as_ref().expect("validated and resolved")
    }

    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms.unwrap_or(2_000))
    }

    pub fn write_deadline(&self) -> Duration {
        self.write_deadline_ms.map_or(contracts::patience::WRITE, Duration::from_millis)
    }

    pub fn try_timeout(&self) -> Duration {
        Duration::from_millis(self.try_timeout_ms.unwrap_or(1_500))
    }

    pub fn concurrency(&self) -> usize {
        self.concurrency.unwrap_or(512)
    }

    /// Whether a path of the upstream may be reached from outside.
    pub fn is_public(&self, path: &str) -> bool {
        let open = |allowed: &str| path == allowed || (allowed.ends_with('/') && path.starts_with(allowed));
        match &self.paths {
            Some(paths) => paths.iter().any(|allowed| open(allowed)),
            None => open("/v1/"),
        }
    }
}

/// Names become parts of paths, and must not collide with the operators' routes.
fn names_are_routes(upstreams: &BTreeMap<String, Upstream>, _: &()) -> garde::Result {
    for (name, upstream) in upstreams {
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if !plain || ["events", "audit"].contains(&name.as_str()) {
            return Err(garde::Error::new(format!("{name} cannot be the name of an upstream")));
        }
        if upstream.url.is_none() && !DEFAULTS.iter().any(|(known, ..)| known == name) {
            return Err(garde::Error::new(format!("the upstream {name} needs a url")));
        }
    }
    Ok(())
}

fn http(url: &Option<Url>, _: &()) -> garde::Result {
    match url {
        Some(url) if !matches!(url.scheme(), "http" | "https") => Err(garde::Error::new("must be http or https")),
        Some(url) if url.path() != "/" || url.query().is_some() => Err(garde::Error::new("must have no path")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, url: Option<&str>) -> Upstreams {
        let upstream = Upstream { url: url.map(|url| Url::parse(url).expect("a URL")), ..Upstream::default() };
        Upstreams(BTreeMap::from([(name.to_owned(), upstream)]))
    }

    #[test]
    fn what_the_schema_needs_is_always_there_and_more_is_added_by_naming_it() {
        let upstreams = named("search", Some("http://127.0.0.1:3006"));
        assert!(upstreams.validate().is_ok());
        let names: Vec<_> = upstreams.resolved().into_keys().collect();
        assert_eq!(names, ["analytics", "auth", "inventory", "orders", "payments", "search", "shortener"]);
        assert!(named("search", None).validate().is_err(), "an unknown one needs an address");
        assert!(named("auth", None).validate().is_ok());
        assert!(named("events", Some("http://a")).validate().is_err(), "a route of the operators");
        assert!(named("files", Some("ftp://a")).validate().is_err());
    }

    #[test]
    fn reads_are_given_up_before_the_service_gives_up_and_writes_after_it() {
        use contracts::patience::{DOOR, REQUEST, WRITE};
        for (name, upstream) in Upstreams::default().resolved() {
            assert!(upstream.try_timeout() < upstream.deadline() && upstream.deadline() < REQUEST, "{name}");
            assert_eq!(upstream.write_deadline(), WRITE, "{name}");
        }
        assert_eq!(<crate::Gateway as chassis::Service>::REQUEST_TIMEOUT, DOOR);
    }

    #[test]
    fn only_public_paths_are_reachable() {
        let upstreams = Upstreams::default().resolved();
        let (auth, shortener) = (&upstreams["auth"], &upstreams["shortener"]);
        assert!(auth.is_public("/.well-known/jwks.json") && auth.is_public("/v1/users/me"));
        assert!(shortener.is_public("/v1/links"));
        for hidden in ["/oauth2/token", "/metrics", "/health/ready", "/v1", "/v2/links", "/.well-known/jwks.json/more"]
        {
            assert!(!shortener.is_public(hidden) && !auth.is_public(hidden), "{hidden}");
        }
        let payments = &upstreams["payments"];
        assert!(payments.is_public("/v1/payments/batch") && payments.is_public("/v1/orders/1/payment"));
        assert!(payments.is_public("/v1/dead-letters") && payments.is_public("/v1/dead-letters/redrive"));
        for hidden in ["/v1/webhooks/provider", "/v1/%77ebhooks/provider", "/v1/paymentsx", "/metrics"] {
            assert!(!payments.is_public(hidden), "{hidden}");
        }
    }
}
