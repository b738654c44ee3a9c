//! The keys of visitors' hashes: one a day, then gone.

use arc_swap::ArcSwap;
use ring::hmac::{self, HMAC_SHA256};
use std::net::IpAddr;
use std::sync::Arc;
use uuid::Uuid;

/// A day, in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Digits of a visitor's hash: 16 bytes in hex.
pub(super) const LENGTH: usize = 32;

/// The days' keys that are in memory: today's, and before midnight tomorrow's.
#[derive(Clone, Default)]
pub struct Keys(Vec<(i64, hmac::Key)>);

impl Keys {
    /// Keeps a salt for its day, in place of one that is there.
    pub fn put(&mut self, day: i64, salt: &[u8]) {
        let key = hmac::Key::new(HMAC_SHA256, salt);
        self.0.retain(|(known, _)| *known != day);
        self.0.push((day, key));
    }

    /// Drops the keys of days before `day`: what they hashed cannot be hashed again.
    pub fn drop_before(&mut self, day: i64) {
        self.0.retain(|(known, _)| *known >= day);
    }

    fn of(&self, day: i64) -> Option<&hmac::Key> {
        self.0.iter().find(|(known, _)| *known == day).map(|(_, key)| key)
    }
}

/// The day of a time in milliseconds since the Unix epoch, in UTC.
pub(super) fn day_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(DAY_MS)
}

/// Hashes visitors. Cheap to clone; clones share the keys.
#[derive(Clone, Default)]
pub struct Visitors {
    keys: Arc<ArcSwap<Keys>>,
}

impl Visitors {
    pub(super) fn store(&self, keys: Keys) {
        self.keys.store(Arc::new(keys));
    }

    pub(super) fn load(&self) -> Keys {
        Keys::clone(&self.keys.load())
    }

    /// The hash of who clicked a link: the same for one address and user agent on one link within
    /// one day, and unlike any other. Nobody can find the address from it, not even with the key
    /// of another day, and after the day with none.
    ///
    /// A day whose key is missing (the store was away all night) gets one of this process's own.
    pub fn hash(&self, at_ms: i64, link: Uuid, address: IpAddr, agent: &str) -> [u8; LENGTH] {
        let day = day_of(at_ms);
        let keys = self.keys.load();
        let mut mac = match keys.of(day) {
            Some(key) => hmac::Context::with_key(key),
            None => hmac::Context::with_key(&self.improvise(day)),
        };
        let address = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        mac.update(link.as_bytes());
        mac.update(&address.octets());
        mac.update(agent.as_bytes());
        hex(&mac.sign().as_ref()[..LENGTH / 2])
    }

    #[cold]
    fn improvise(&self, day: i64) -> hmac::Key {
        let salt: [u8; 32] = rand::random();
        self.keys.rcu(|keys| {
            let mut keys = Keys::clone(keys);
            if keys.of(day).is_none() {
                keys.put(day, &salt);
            }
            keys
        });
        tracing::warn!(salt.day = day, "No salt was agreed on for the day; this process uses its own.");
        self.keys.load().of(day).cloned().unwrap_or_else(|| hmac::Key::new(HMAC_SHA256, &salt))
    }
}

fn hex(bytes: &[u8]) -> [u8; LENGTH] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; LENGTH];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn visitors(salts: &[(i64, u8)]) -> Visitors {
        let mut keys = Keys::default();
        for (day, salt) in salts {
            keys.put(*day, &[*salt; 32]);
        }
        let visitors = Visitors::default();
        visitors.store(keys);
        visitors
    }

    #[test]
    fn instances_with_one_salt_agree() {
        let (link, address) = (Uuid::now_v7(), "198.51.100.7".parse().unwrap());
        let hash = |visitors: &Visitors| visitors.hash(0, link, address, "agent");
        assert_eq!(hash(&visitors(&[(0, 1)])), hash(&visitors(&[(0, 1), (1, 2)])));
        assert_ne!(hash(&visitors(&[(0, 1)])), hash(&visitors(&[(0, 2)])));
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        let (link, visitors) = (Uuid::now_v7(), visitors(&[(0, 1)]));
        let mapped = "::ffff:198.51.100.7".parse().unwrap();
        let plain = "198.51.100.7".parse().unwrap();
        assert_eq!(visitors.hash(0, link, mapped, ""), visitors.hash(0, link, plain, ""));
    }

    #[test]
    fn without_an_agreed_salt_one_is_improvised_and_kept_for_the_day() {
        let (link, address) = (Uuid::now_v7(), "198.51.100.7".parse().unwrap());
        let visitors = Visitors::default();
        let first = visitors.hash(5, link, address, "a");
        assert_eq!(visitors.hash(6, link, address, "a"), first);
        assert_ne!(visitors.hash(5 + DAY_MS, link, address, "a"), first);
    }

    #[test]
    fn dropped_keys_are_gone() {
        let mut keys = Keys::default();
        (1..=3).for_each(|day| keys.put(day, &[1; 32]));
        keys.drop_before(3);
        assert!(keys.of(2).is_none() && keys.of(3).is_some());
    }

    proptest! {
        #[test]
        fn hashes_tell_visitors_links_and_days_apart(
            links in any::<[u128; 2]>(), addresses in any::<[u32; 2]>(), agents in ["[a-z]{0,9}", "[a-z]{0,9}"],
            days in [0_i64..3, 0_i64..3],
        ) {
            let visitors = visitors(&[(0, 1), (1, 2), (2, 3)]);
            let hash = |i: usize| {
                let address = IpAddr::V4(addresses[i].into());
                visitors.hash(days[i] * DAY_MS, Uuid::from_u128(links[i]), address, &agents[i])
            };
            let is_same = links[0] == links[1] && addresses[0] == addresses[1]
                && agents[0] == agents[1] && days[0] == days[1];
            prop_assert_eq!(hash(0) == hash(1), is_same);
            prop_assert!(hash(0).iter().all(|digit| b"0123456789abcdef".contains(digit)));
        }
    }
}
