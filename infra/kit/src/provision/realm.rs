//! Names: the product's plain ones, or those of one test.

use crate::process::Identity;
use std::sync::atomic::{AtomicU32, Ordering};

/// A family of databases and logins whose names belong together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Realm {
    sandbox: Option<String>,
}

impl Realm {
    /// The realm of `cargo dev up`: databases are named like their units.
    pub const fn product() -> Self {
        Self { sandbox: None }
    }

    /// A fresh realm for a test of this process. Its name says whose it is: `t<pid>x<start>x<count>`.
    pub fn sandbox() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let own = Identity::own();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { sandbox: Some(format!("t{}x{}x{count}", own.pid, own.started)) }
    }

    /// The realm that a database or login belongs to, if it is a sandbox's and its process is gone.
    pub(super) fn abandoned(name: &str) -> Option<Self> {
        let (sandbox, owner) = parse(name)?;
        (!owner.alive()).then(|| Self { sandbox: Some(sandbox.to_owned()) })
    }

    /// The name of a unit's database and login.
    pub fn database(&self, unit: &str) -> String {
        self.sandbox.as_ref().map_or_else(|| unit.to_owned(), |name| format!("{name}_{unit}"))
    }

    /// The name of the virtual host in RabbitMQ, and of the realm as a whole.
    pub fn host(&self) -> &str {
        self.sandbox.as_deref().unwrap_or("vitrine")
    }
}

/// The sandbox part of a name such as `t12x34x0_auth`, and the process that it names.
fn parse(name: &str) -> Option<(&str, Identity)> {
    let sandbox = name.split('_').next()?;
    let mut numbers = sandbox.strip_prefix('t')?.split('x').map(str::parse::<u64>);
    let (pid, started, _count) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((sandbox, Identity { pid: u32::try_from(pid).ok()?, started }))
}

#[cfg(test)]
mod tests {
    use super::{Realm, parse};

    #[test]
    fn names_tell_their_owner() {
        let realm = Realm::sandbox();
        let name = realm.database("auth");
        let (sandbox, owner) = parse(&name).unwrap();
        assert_eq!((sandbox, owner.pid), (realm.host(), std::process::id()));
        assert_eq!(Realm::abandoned(&name), None);
    }

    #[test]
    fn the_dead_are_recognised() {
        assert_eq!(Realm::abandoned("t1x1x0_auth").unwrap().host(), "t1x1x0");
    }

    #[test]
    fn other_names_are_left_alone() {
        for name in ["auth", "vitrine", "test", "t12", "txx_auth", "t1x2_auth", "template1"] {
            assert_eq!(Realm::abandoned(name), None, "{name}");
        }
    }

    #[test]
    fn the_product_has_plain_names() {
        assert_eq!((Realm::product().database("auth").as_str(), Realm::product().host()), ("auth", "vitrine"));
    }
}
