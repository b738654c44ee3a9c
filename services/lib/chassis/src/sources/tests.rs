use super::Sources;
use crate::config::Common;
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;

#[derive(Debug, Deserialize, Validate)]
#[garde(allow_unvalidated)]
struct Config {
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    upstreams: Vec<Upstream>,
    #[serde(default)]
    origins: Vec<String>,
    secret: Option<SecretString>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limits {
    login: Option<Limit>,
}

#[derive(Debug, Default, Deserialize)]
struct Limit {
    attempts: u32,
}

#[derive(Debug, Deserialize)]
struct Upstream {
    url: String,
}

fn read(file: &str, variables: &[(&str, &str)]) -> Result<(Common, Config), String> {
    let path = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(path.path(), file).unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let sources = Sources::merged("shop", &["origins"], Some(path.path()), Some(variables)).unwrap();
    sources.get().map_err(|error| format!("{error:#}"))
}

#[test]
fn what_the_types_know_is_read() {
    let file = "[http]\nbody_limit = 4096\n[limits.login]\nattempts = 3\n[[upstreams]]\nurl = \"http://a\"\n";
    let variables = [
        ("SHOP_CONFIG", "shop.toml"),
        ("SHOP_HTTP__CLIENTS__CONNECTIONS", "7"),
        ("SHOP_HTTP__TRUSTED_PROXIES", "::1,127.0.0.1"),
        ("SHOP_LOG__FORMAT", "text"),
        ("SHOP_ORIGINS", "https://a,https://b"),
        ("SHOP_SECRET", "12345"),
        ("SHOPPING_LIST", "another program's"),
        ("HOME", "/root"),
    ];
    let (common, config) = read(file, &variables).unwrap();
    assert_eq!((common.http.body_limit, common.http.clients.connections), (4096, 7));
    assert_eq!(common.http.trusted_proxies.len(), 2);
    assert_eq!((config.limits.login.unwrap().attempts, config.origins.len()), (3, 2));
    assert_eq!(config.upstreams[0].url, "http://a");
    assert!(config.secret.is_some());
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    for (file, variable, key, nearest) in [
        ("[http]\nbody_limt = 4096", None, "`http.body_limt` (SHOP_HTTP__BODY_LIMT)", "`http.body_limit`"),
        ("[htpp]\nbody_limit = 4096", None, "`htpp` (SHOP_HTPP)", "`http`"),
        ("[limits.login]\nattempts = 3\nattemps = 4", None, "`limits.login.attemps`", "`limits.login.attempts`"),
        ("[[upstreams]]\nurl = \"a\"\nulr = \"b\"", None, "`upstreams.ulr`", "`upstreams.url`"),
        ("", Some("SHOP_HTTP__BNID"), "`http.bnid` (SHOP_HTTP__BNID)", "`http.bind`"),
        ("", Some("SHOP_ORIGIN"), "`origin` (SHOP_ORIGIN)", "`origins`"),
        ("", Some("SHOP_LIMITS__LOGON__ATTEMPTS"), "`limits.logon`", "`limits.login`"),
    ] {
        let variables: Vec<_> = variable.iter().map(|name| (*name, "4711")).collect();
        let error = read(file, &variables).unwrap_err();
        assert!(error.contains(key) && error.contains(&format!("is {nearest} meant?")), "{key}: {error}");
        assert!(!error.contains("4711"), "{error}");
    }
}

#[test]
fn all_unknown_keys_are_named_at_once() {
    let error = read("a = 1\n[log]\nlevel = 2", &[]).unwrap_err();
    assert!(error.contains("`a` (SHOP_A)") && error.contains("`log.level` (SHOP_LOG__LEVEL)"), "{error}");
}
