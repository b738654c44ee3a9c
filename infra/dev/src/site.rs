//! The stack of `cargo dev up`: its engines, its units and its secrets, all in `.dev/up/`.

use anyhow::Result;
use kit::engines::Site;
use kit::environment::{Listeners, Operator, Wiring};
use kit::process::Daemon;
use kit::secrets::{self, Secrets};
use kit::units::{UNITS, with_identity};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

/// E-mail of the operator that auth creates.
const OPERATOR: &str = "operator@example.com";
/// E-mail of the user that owns the demo data.
pub(crate) const DEMO: &str = "demo@example.com";

/// The stack of `cargo dev up`.
pub(crate) struct Stack {
    pub(crate) engines: Site,
    pub(crate) secrets: Secrets,
}

impl Stack {
    pub(crate) fn open() -> Result<Self> {
        let engines = Site::up()?;
        let secrets = Secrets::open(engines.folder())?;
        Ok(Self { engines, secrets })
    }

    pub(crate) fn unit(&self, name: &str) -> Daemon {
        Daemon::new(self.engines.folder().join("logs"), name)
    }

    /// What the units' environment is made from.
    pub(crate) fn wiring(&mut self) -> Result<Wiring> {
        let mut service_secrets = BTreeMap::new();
        for unit in with_identity() {
            let secret = self.secrets.get(&format!("service-{}", unit.name))?;
            service_secrets.insert(unit.name.to_owned(), secret);
        }
        Ok(Wiring {
            listeners: listeners(),
            service_secrets,
            operator: Operator { email: OPERATOR.to_owned(), password: self.secrets.get("operator")? },
            sealing_key: self.secrets.get_or("auth-sealing-key", secrets::generate_key)?,
            customers_key: self.secrets.get_or("orders-customers-key", secrets::generate_key)?,
            provider_secret: self.secrets.get("provider-secret")?,
            state: self.engines.folder().join("state"),
        })
    }

    pub(crate) fn demo_password(&mut self) -> Result<String> {
        self.secrets.get("demo")
    }
}

pub(crate) fn listeners() -> Listeners {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let main = UNITS.iter().map(|unit| (unit.name.to_owned(), at(unit.port)));
    let operators =
        UNITS.iter().filter_map(|unit| Some((format!("{}/operators", unit.name), at(unit.operators_port?))));
    main.chain(operators).collect()
}

pub(crate) fn url(unit: &str) -> String {
    let port = kit::units::named(unit).map_or(0, |unit| unit.port);
    format!("http://localhost:{port}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_gateway_has_two_listeners() {
        let listeners = super::listeners();
        assert_eq!((listeners["gateway"].port(), listeners["gateway/operators"].port()), (8080, 8081));
    }
}
