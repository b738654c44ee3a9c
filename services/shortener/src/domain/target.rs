//! Where links may lead.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// The longest target, in bytes.
const LONGEST: usize = 2_048;

/// Endings of names that only mean something inside a network.
const PRIVATE_SUFFIXES: &[&str] = &[
    "localhost",
    "local",
    "internal",
    "localdomain",
    "lan",
    "home",
    "corp",
    "intranet",
    "private",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
];

/// An address that a link may lead to: absolute, `http` or `https`, at most 2,048 bytes of visible
/// ASCII, without credentials, on a host that the [`TargetPolicy`] accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetUrl(String);

impl TargetUrl {
    /// The address as it goes into `Location`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as text.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Why a text is not an acceptable target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Longer than 2,048 bytes.
    #[error("must have at most {LONGEST} characters")]
    TooLong,
    /// Not an absolute URL.
    #[error("must be an absolute URL")]
    Malformed,
    /// Neither `http` nor `https`.
    #[error("must begin with http:// or https://")]
    Scheme,
    /// A user name or password.
    #[error("must not contain a user name or password")]
    Credentials,
    /// Would lead back to us.
    #[error("must not lead to this service itself")]
    OwnHost,
    /// Inside a network that visitors are not in, or on the visitor's own machine.
    #[error("must lead to a public host")]
    PrivateHost,
}

/// Which hosts links may lead to.
#[derive(Debug, Clone, Default)]
pub struct TargetPolicy {
    own_hosts: HashSet<String>,
    allow_private: bool,
}

impl TargetPolicy {
    /// Refuses `own_hosts` (`host`, whatever the port, or `host:port`), and private ones unless `allow_private`.
    pub fn new<'a>(own_hosts: impl IntoIterator<Item = &'a str>, allow_private: bool) -> Self {
        let own_hosts = own_hosts.into_iter().map(canonical).collect();
        Self { own_hosts, allow_private }
    }

    /// Reads a target. What browsers read differently from what stands there (white space around,
    /// backslashes, `0x7f.1`, international names) is normalised first, as the URL standard says.
    pub fn accept(&self, text: &str) -> Result<TargetUrl, TargetError> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(TargetError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| TargetError::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        let host = url.host().ok_or(TargetError::Malformed)?;
        if self.is_own(&canonical(&host.to_string()), url.port_or_known_default()) {
            return Err(TargetError::OwnHost);
        }
        if !self.allow_private && is_private(&host) {
            return Err(TargetError::PrivateHost);
        }
        let normal = String::from(url);
        if normal.len() > LONGEST {
            return Err(TargetError::TooLong);
        }
        // `https://example.com` and `https://example.com/` are the same; owners get back their own.
        let is_bare = normal.strip_suffix('/') == Some(text);
        Ok(TargetUrl(if is_bare { text.to_owned() } else { normal }))
    }

    fn is_own(&self, host: &str, port: Option<u16>) -> bool {
        let with_port = || port.map(|port| format!("{host}:{port}"));
        self.own_hosts.contains(host) || with_port().is_some_and(|address| self.own_hosts.contains(&address))
    }
}

/// A host's name as it is compared: lower case, without the dot of the root.
fn canonical(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn is_private(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => is_private_name(&canonical(name)),
        Host::Ipv4(address) => is_private_v4(*address),
        Host::Ipv6(address) => is_private_v6(*address),
    }
}

fn is_private_name(name: &str) -> bool {
    let Some((_, _)) = name.split_once('.') else { return true };
    PRIVATE_SUFFIXES
        .iter()
        .any(|suffix| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Whether the address is not one of the public Internet (IANA's special-purpose registry).
/// The metadata services of clouds are among them: 169.254.169.254, 100.100.100.200.
fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 224
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let inner = match segments {
        // IPv4-mapped, IPv4-compatible, and NAT64: the last 32 bits are an IPv4 address.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((high, low)),
        // 6to4: the 32 bits after the prefix.
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = inner {
        return is_private_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    }
    // Only 2000::/3 is the public Internet; in it, Teredo and documentation are not.
    let is_global = segments[0] & 0xe000 == 0x2000;
    !is_global || segments[..2] == [0x2001, 0] || segments[..2] == [0x2001, 0xdb8] || segments[0] == 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn policy() -> TargetPolicy {
        TargetPolicy::new(["vitrine.example", "shop.example:8080"], false)
    }

    #[rstest]
    #[case("https://example.com/a?b=c#d", "https://example.com/a?b=c#d")]
    #[case("https://example.com", "https://example.com")]
    #[case("  HTTP://EXAMPLE.com:80/a b ", "http://example.com/a%20b")]
    #[case("https:\\\\example.com\\a", "https://example.com/a")]
    #[case("https://bücher.example/", "https://xn--bcher-kva.example/")]
    #[case("https://1.1.1.1/", "https://1.1.1.1/")]
    #[case("https://shop.example/", "https://shop.example/")]
    #[case("https://[2606:4700::1111]/", "https://[2606:4700::1111]/")]
    fn targets_are_accepted_and_normalised(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(policy().accept(text).unwrap().as_str(), expected);
    }

    #[rstest]
    #[case("", TargetError::Malformed)]
    #[case("example.com", TargetError::Malformed)]
    #[case("//example.com", TargetError::Malformed)]
    #[case("ftp://example.com", TargetError::Scheme)]
    #[case("javascript:alert(1)", TargetError::Scheme)]
    #[case("data:text/html,x", TargetError::Scheme)]
    #[case("https://user@example.com", TargetError::Credentials)]
    #[case("https://:secret@example.com", TargetError::Credentials)]
    #[case("https://vitrine.example/x", TargetError::OwnHost)]
    #[case("https://VITRINE.example.:8443/", TargetError::OwnHost)]
    #[case("http://shop.example:8080/r/x", TargetError::OwnHost)]
    fn other_texts_are_refused(#[case] text: &str, #[case] expected: TargetError) {
        assert_eq!(policy().accept(text), Err(expected), "{text}");
    }

    #[rstest]
    #[case::loopback("http://127.8.8.8/")]
    #[case::decimal("http://2130706434/")]
    #[case::hex("http://0x7f.2/")]
    #[case::octal("http://0177.0.0.2/")]
    #[case::mapped("http://[::ffff:10.0.0.1]/")]
    #[case::nat64("http://[64:ff9b::10.0.0.1]/")]
    #[case::six_to_four("http://[2002:0a00:0001::]/")]
    #[case::metadata("http://169.254.169.254/latest")]
    #[case::unspecified("http://0.0.0.0/")]
    #[case::shared("http://100.100.100.200/")]
    #[case::loopback6("http://[::1]/")]
    #[case::unique_local("http://[fd00:ec2::254]/")]
    #[case::link_local("http://[fe80::1]/")]
    #[case::localhost("http://localhost./")]
    #[case::sub("http://a.localhost/")]
    #[case::mdns("http://printer.local/")]
    #[case::cloud("http://metadata.google.internal/")]
    #[case::single_label("http://mongo/")]
    #[case::fullwidth("http://ｌｏｃａｌｈｏｓｔ/")]
    fn private_hosts_are_refused_unless_configured(#[case] text: &str) {
        assert_eq!(policy().accept(text), Err(TargetError::PrivateHost), "{text}");
        assert!(TargetPolicy::new([], true).accept(text).is_ok(), "{text}");
    }

    #[test]
    fn the_length_counts_after_normalising_too() {
        let long = format!("https://example.com/{}", "x".repeat(LONGEST - 20));
        assert!(policy().accept(&long).is_ok());
        assert_eq!(policy().accept(&format!("{long}x")), Err(TargetError::TooLong));
        let grows = format!("https://example.com/{}", "é".repeat(600));
        assert_eq!(policy().accept(&grows), Err(TargetError::TooLong));
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_can_stand_in_a_header(text in "(https?://)?\\PC{0,60}") {
            if let Ok(target) = policy().accept(&text) {
                prop_assert!(target.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(target.as_str().starts_with("http"));
                let again = policy().accept(target.as_str()).unwrap();
                prop_assert_eq!(again, target);
            }
        }

        #[test]
        fn no_spelling_of_a_private_address_gets_through(host in 0x0a00_0000_u32..0x0b00_0000) {
            let dotted = Ipv4Addr::from(host);
            for text in [format!("{host}"), format!("{host:#x}"), format!("0{host:o}"), format!("{dotted}"),
                         format!("[::ffff:{dotted}]"), format!("[::{dotted}]")] {
                let target = format!("http://{text}/");
                prop_assert_eq!(policy().accept(&target), Err(TargetError::PrivateHost), "{}", target);
            }
        }
    }
}
