//! What a browser tells of itself, cut to what statistics need.

use http::HeaderValue;
use std::borrow::Cow;

/// The longest user agent that is kept, in bytes.
const LONGEST_AGENT: usize = 512;
/// The longest host name (RFC 1035).
const LONGEST_HOST: usize = 253;
/// The longest primary language subtag (BCP 47).
const LONGEST_LANGUAGE: usize = 8;

/// Where a visit may come from.
const SCHEMES: [&str; 3] = ["http", "https", "android-app"];

/// The `User-Agent`, cut to 512 bytes.
pub fn user_agent(header: &HeaderValue) -> Cow<'_, str> {
    let bytes = header.as_bytes();
    let bytes = &bytes[..bytes.len().min(LONGEST_AGENT)];
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        // Cut within a character: what is whole is kept.
        Err(error) if error.error_len().is_none() => String::from_utf8_lossy(&bytes[..error.valid_up_to()]),
        // Replacing may make it longer; not worth more than a cut at the next character.
        Err(_) => {
            let mut text = String::from_utf8_lossy(bytes).into_owned();
            text.truncate(text.floor_char_boundary(LONGEST_AGENT));
            Cow::Owned(text)
        }
    }
}

/// The host of the `Referer`, in lower case, without `www.`, user, port, path and query; of an Android app, its package.
pub fn referrer(header: &HeaderValue) -> Option<Cow<'_, str>> {
    let text = header.to_str().ok()?;
    let (scheme, rest) = text.split_once("://")?;
    if !SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = if host.starts_with('[') { host.split_inclusive(']').next()? } else { host.split(':').next()? };
    let host = host.strip_suffix('.').unwrap_or(host);
    let host = match host.get(..4) {
        // What is left must be a name: `www.com` is one of its own.
        Some(start) if start.eq_ignore_ascii_case("www.") && host[4..].contains('.') => &host[4..],
        _ => host,
    };
    let is_host = (1..=LONGEST_HOST).contains(&host.len())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']'));
    if !is_host {
        return None;
    }
    let has_capitals = host.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if has_capitals { Cow::Owned(host.to_ascii_lowercase()) } else { Cow::Borrowed(host) })
}

/// The primary subtag of the first language of `Accept-Language`, in lower case.
pub fn language(header: &HeaderValue) -> Option<Cow<'_, str>> {
    let text = header.to_str().ok()?;
    let first = text.split(',').next()?.split(';').next()?.trim();
    let primary = first.split(['-', '_']).next()?;
    let is_language =
        (2..=LONGEST_LANGUAGE).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !is_language {
        return None;
    }
    let has_capitals = primary.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if has_capitals { Cow::Owned(primary.to_ascii_lowercase()) } else { Cow::Borrowed(primary) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("https://Shop.Example/a?b", Some("shop.example"))]
    #[case("http://user:pw@shop.example:8443/", Some("shop.example"))]
    #[case("https://[2001:DB8::1]:443/", Some("[2001:db8::1]"))]
    #[case("android-app://com.google.android.gm/", Some("com.google.android.gm"))]
    #[case("https://WWW.Shop.Example/", Some("shop.example"))]
    #[case("https://www.com/", Some("www.com"))]
    #[case("ftp://shop.example/", None)]
    #[case("https:///x", None)]
    #[case("nonsense", None)]
    fn of_a_referrer_only_the_host_is_kept(#[case] text: &str, #[case] host: Option<&str>) {
        let header = HeaderValue::from_str(text).unwrap();
        assert_eq!(referrer(&header).as_deref(), host);
    }

    #[rstest]
    #[case("pt-BR,pt;q=0.9,en;q=0.8", Some("pt"))]
    #[case("EN", Some("en"))]
    #[case("*", None)]
    #[case("x", None)]
    #[case("de;q=0.5", Some("de"))]
    fn of_languages_the_first_primary_subtag_is_kept(#[case] text: &str, #[case] kept: Option<&str>) {
        let header = HeaderValue::from_str(text).unwrap();
        assert_eq!(language(&header).as_deref(), kept);
    }

    proptest! {
        #[test]
        fn a_user_agent_is_cut_at_a_character(text in "[a-zé☃]{0,700}") {
            let header = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            let kept = user_agent(&header);
            prop_assert!(kept.len() <= LONGEST_AGENT);
            prop_assert!(text.starts_with(&*kept));
        }

        #[test]
        fn any_bytes_make_a_user_agent(bytes in proptest::collection::vec(32_u8..=126, 0..600),
                                       odd in proptest::collection::vec(128_u8..=255, 0..600)) {
            for bytes in [bytes, odd] {
                let header = HeaderValue::from_bytes(&bytes).unwrap();
                prop_assert!(user_agent(&header).len() <= LONGEST_AGENT);
            }
        }

        #[test]
        fn a_well_formed_referrers_host_is_the_one_that_the_url_standard_finds(
            host in "[A-Za-z]{1,8}(\\.[A-Za-z]{2,8}){1,3}", port in proptest::option::of(1_u16..), path in "[a-z/]{0,9}",
        ) {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            let text = format!("https://{host}{port}/{path}");
            let expected = url::Url::parse(&text).unwrap().host_str().unwrap().to_owned();
            let header = HeaderValue::from_str(&text).unwrap();
            prop_assert_eq!(referrer(&header).unwrap(), expected);
        }
    }
}
