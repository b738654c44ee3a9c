//! E-mail addresses.

use std::fmt;

/// The longest address, in bytes (RFC 5321, section 4.5.3.1.3, less the angle brackets).
const LONGEST: usize = 254;
/// The longest local part, in bytes (RFC 5321, section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;
/// The longest label of a domain, in bytes (RFC 1035, section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// An e-mail address in lower case: two spellings of one address are one.
///
/// Takes the dot-atom form of RFC 5321 with a domain of at least two labels; no quoted local
/// parts, no address literals, and international domains only as punycode.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Reads an address, dropping white space around it and regard to case.
    ///
    /// # Errors
    /// Tells, for a person, what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err("must have at most 254 characters");
        }
        let (local, domain) = text.rsplit_once('@').ok_or("must be an e-mail address")?;
        if is_local(local) && is_domain(domain) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err("must be an e-mail address")
        }
    }

    /// Takes an address that was parsed before it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or(&self.0, |(local, _)| local)
    }
}

fn is_local(local: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    local.len() <= LONGEST_LOCAL && local.split('.').all(is_atom)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    domain.contains('.') && domain.split('.').all(is_label) && !domain.rsplit('.').next().is_some_and(is_number)
}

/// Shows nothing of the address: it is personal.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::case_is_dropped(" Ana.Silva+Loja@Exemplo.COM.br ", "ana.silva+loja@exemplo.com.br")]
    #[case::short("a@b.co", "a@b.co")]
    #[case::punycode("a@xn--mgbh0fb.xn--kgbechtv", "a@xn--mgbh0fb.xn--kgbechtv")]
    fn addresses_are_read(#[case] text: &str, #[case] read: &str) {
        assert_eq!(Email::parse(text).unwrap().as_str(), read);
    }

    #[rstest]
    #[case("")]
    #[case("@")]
    #[case("ana")]
    #[case("ana@localhost")]
    #[case("ana@exemplo..com")]
    #[case("ana@-exemplo.com")]
    #[case("ana@exemplo.com.")]
    #[case("ana@127.0.0.1")]
    #[case(".ana@exemplo.com")]
    #[case("ana..silva@exemplo.com")]
    #[case("ana silva@exemplo.com")]
    #[case("ana@b@exemplo.com")]
    #[case("ána@exemplo.com")]
    #[case("ana@exemplo.com\r\nbcc: x@y.z")]
    fn others_are_refused(#[case] text: &str) {
        assert!(Email::parse(text).is_err(), "{text}");
    }

    #[test]
    fn limits_of_length_are_exact() {
        let local = "l".repeat(64);
        let domain = [&*"a".repeat(63), &*"b".repeat(63), &*"c".repeat(57), "com"].join(".");
        let longest = format!("{local}@{domain}");
        assert_eq!(longest.len(), 254);
        assert!(Email::parse(&longest).is_ok());
        assert!(Email::parse(&format!("l{longest}")).is_err());
        assert!(Email::parse(&format!("{}@b.co", "l".repeat(65))).is_err());
    }

    proptest! {
        #[test]
        fn whatever_comes_parsing_never_panics_and_is_idempotent(text in any::<String>()) {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(&Email::parse(email.as_str()).unwrap(), &email);
                prop_assert_eq!(email.as_str(), email.as_str().to_lowercase());
            }
        }

        #[test]
        fn plausible_addresses_are_read(text in "[a-zA-Z0-9_+]{1,20}(\\.[a-z0-9]{1,10}){0,3}@([a-z0-9]{1,20}\\.){1,4}[a-z]{2,10}") {
            let email = Email::parse(&text).unwrap();
            prop_assert!(email.as_str().eq_ignore_ascii_case(&text));
            prop_assert_eq!(Email::parse(&text.to_uppercase()).unwrap(), email);
        }
    }
}
