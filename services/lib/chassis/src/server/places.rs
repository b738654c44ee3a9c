//! How many connections there may be.

use crate::config::Http;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The connections that are open, and how many each address has of them. Clones count together.
#[derive(Clone)]
pub(super) struct Places(Arc<Inner>);

struct Inner {
    all: usize,
    each: usize,
    trusted_proxies: Vec<IpAddr>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Places {
    pub(super) fn new(config: &Http) -> Self {
        // There from the start: an alert on their growth sees the first refusal, too.
        for limit in ["all", "address"] {
            let _ = metrics::counter!("http_connections_refused_total", "limit" => limit);
        }
        Self(Arc::new(Inner {
            all: config.clients.connections,
            each: config.clients.connections_per_address,
            trusted_proxies: config.trusted_proxies.clone(),
            taken: Mutex::default(),
        }))
    }

    /// Takes a place for a connection from `peer`, if there is one left. It is free again when dropped.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Place> {
        let whose = (!self.0.trusted_proxies.contains(&peer)).then(|| network(peer));
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = whose.map_or(0, |whose| taken.by_address.get(&whose).copied().unwrap_or(0));
        let full = match () {
            () if taken.all >= self.0.all => "all",
            () if whose.is_some() && own >= self.0.each => "address",
            () => "",
        };
        if !full.is_empty() {
            metrics::counter!("http_connections_refused_total", "limit" => full).increment(1);
            return None;
        }
        taken.all += 1;
        if let Some(whose) = whose {
            taken.by_address.insert(whose, own + 1);
        }
        metrics::gauge!("http_connections").increment(1.0);
        Some(Place { whose, places: self.clone() })
    }
}

/// A place that is taken.
pub(super) struct Place {
    whose: Option<IpAddr>,
    places: Places,
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("http_connections").decrement(1.0);
        let mut taken = self.places.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        let Some(whose) = self.whose else { return };
        if let Some(count) = taken.by_address.get_mut(&whose) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&whose);
            }
        }
    }
}

/// Who stands behind an address: of IPv6, one subscriber has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(all: usize, each: usize) -> Places {
        let mut config = Http::default();
        (config.clients.connections, config.clients.connections_per_address) = (all, each);
        Places::new(&config)
    }

    #[test]
    fn one_address_takes_its_share_and_no_more() {
        let places = places(3, 2);
        let take = |address: &str| places.take(address.parse().unwrap());
        let (one, two) = (take("2001:db8::1"), take("2001:db8::2"));
        assert!(one.is_some() && two.is_some() && take("2001:db8::3").is_none(), "they are one network");
        let three = take("203.0.113.7");
        assert!(three.is_some() && take("203.0.113.8").is_none(), "all places are taken");
        drop((one, two, three));
        let taken = places.0.taken.lock().unwrap();
        assert!(taken.all == 0 && taken.by_address.is_empty());
    }

    #[test]
    fn a_trusted_proxy_speaks_for_many() {
        let places = places(3, 1);
        let held: Vec<_> = (0..3).filter_map(|_| places.take("127.0.0.1".parse().unwrap())).collect();
        assert_eq!(held.len(), 3);
        assert!(places.take("127.0.0.1".parse().unwrap()).is_none());
    }
}
