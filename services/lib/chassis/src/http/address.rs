//! The address of the client, behind proxies that are trusted.

use axum::extract::{ConnectInfo, FromRequestParts};
use http::HeaderMap;
use http::request::Parts;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The proxies whose `X-Forwarded-For` is believed; a request extension put there by the stack.
#[derive(Debug, Clone)]
pub struct TrustedProxies(pub Arc<[IpAddr]>);

/// The address of the client: the peer, or, when the peer is a trusted proxy, the last address in
/// `X-Forwarded-For` that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddr {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(addr)| addr.ip());
        let trusted = parts.extensions.get::<TrustedProxies>();
        Ok(Self(client(peer, &parts.headers, trusted.map_or(&[], |proxies| &proxies.0))))
    }
}

pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted.contains(&peer) {
        return peer;
    }
    let values = headers.get_all("x-forwarded-for").into_iter().rev();
    let hops = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.rsplit(','));
    let mut client = peer;
    for hop in hops {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { return client };
        client = address.to_canonical();
        if !trusted.contains(&client) {
            return client;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::stranger_lies("203.0.113.9", "198.51.100.1", "203.0.113.9")]
    #[case::one_proxy("127.0.0.1", "198.51.100.1", "198.51.100.1")]
    #[case::client_lies_through_proxy("127.0.0.1", "10.9.9.9, 198.51.100.1", "198.51.100.1")]
    #[case::two_proxies("127.0.0.1", "198.51.100.1, ::1", "198.51.100.1")]
    #[case::nonsense("127.0.0.1", "nonsense", "127.0.0.1")]
    fn only_trusted_proxies_are_believed(#[case] peer: &str, #[case] forwarded: &'static str, #[case] expected: &str) {
        let trusted = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-forwarded-for"),
            http::HeaderValue::from_static(forwarded),
        )]);
        let found = client(peer.parse().unwrap(), &headers, &trusted);
        assert_eq!(found, expected.parse::<IpAddr>().unwrap());
    }
}
