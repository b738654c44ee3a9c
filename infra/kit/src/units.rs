//! The units of Vitrine: which programs there are, on which port, and on which engines each has a login.

use crate::Engine;

/// One program of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// Name of the binary, and of its databases and logins.
    pub name: &'static str,
    /// Port under `cargo dev up`.
    pub port: u16,
    /// Port of the operators' listener under `cargo dev up`, for units that have one.
    pub operators_port: Option<u16>,
    /// Engines on which it has a login.
    pub engines: &'static [Engine],
}

/// Every unit, in the order in which they start.
pub const UNITS: &[Unit] = &[
    Unit { name: "auth", port: 3002, operators_port: None, engines: &[Engine::Postgres, Engine::Rabbitmq] },
    Unit {
        name: "shortener",
        port: 3000,
        operators_port: None,
        engines: &[Engine::Mongo, Engine::Redis, Engine::Rabbitmq],
    },
    Unit { name: "analytics", port: 3001, operators_port: None, engines: &[Engine::Clickhouse, Engine::Rabbitmq] },
    Unit { name: "providers", port: 3900, operators_port: None, engines: &[] },
    Unit { name: "inventory", port: 3004, operators_port: None, engines: &[Engine::Postgres, Engine::Rabbitmq] },
    Unit { name: "payments", port: 3005, operators_port: None, engines: &[Engine::Postgres, Engine::Rabbitmq] },
    Unit { name: "orders", port: 3003, operators_port: None, engines: &[Engine::Postgres, Engine::Rabbitmq] },
    Unit { name: "gateway", port: 8080, operators_port: Some(8081), engines: &[Engine::Redis, Engine::Limits] },
];

/// The services: what stands behind the gateway and speaks REST to its clients.
pub fn services() -> impl Iterator<Item = &'static str> {
    UNITS.iter().map(|unit| unit.name).filter(|name| !["gateway", "providers"].contains(name))
}

pub fn named(name: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|unit| unit.name == name)
}

/// The services that prove to others who they are. auth knows itself; the gateway speaks for its callers.
pub fn with_identity() -> impl Iterator<Item = &'static Unit> {
    UNITS.iter().filter(|unit| !["auth", "providers", "gateway"].contains(&unit.name))
}

#[cfg(test)]
mod tests {
    use super::{UNITS, named};
    use std::collections::BTreeSet;

    #[test]
    fn no_two_units_share_a_port() {
        let ports: Vec<u16> =
            UNITS.iter().flat_map(|unit| std::iter::once(unit.port).chain(unit.operators_port)).collect();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
    }

    #[test]
    fn units_are_found_by_name() {
        assert_eq!(named("auth").map(|unit| unit.port), Some(3002));
        assert_eq!(named("nobody"), None);
    }
}
