//! The network of a platform: a cable before each service and each engine that services share.

use kit::{Builder, Engine, Pace, Proxy, Sandbox, engines::Private, units};
use std::collections::BTreeMap;

use crate::victim::Victim;

/// A cable before each service, on the gateway's side, and before each of some engines, on the services' side.
pub struct Cables(BTreeMap<&'static str, Proxy>);

impl Cables {
    /// The engines that have one.
    pub const ENGINES: [Engine; 3] = [Engine::Postgres, Engine::Rabbitmq, Engine::Mongo];

    /// Lays the cables of a stack that will have these units. Fails when there are no ports for them.
    pub async fn lay<'a>(
        engines: &Private,
        units: &[&str],
        builder: Builder<'a>,
    ) -> anyhow::Result<(Self, Builder<'a>)> {
        let mut cables = Self(BTreeMap::new());
        let mut builder = builder.reserve(units)?;
        for engine in Self::ENGINES {
            let port = match engine {
                Engine::Postgres => engines.addresses().postgres.port,
                Engine::Rabbitmq => engines.addresses().rabbitmq.port,
                _ => engines.addresses().mongo.port,
            };
            cables.0.insert(engine.name(), Proxy::start(&format!("tcp://127.0.0.1:{port}")).await?);
        }
        for unit in units::UNITS.iter().filter(|unit| units.contains(&unit.name)) {
            for (setting, url) in cables.logins(unit, builder.sandbox())? {
                builder = builder.env(unit.name, &setting, url);
            }
            let Some(url) = builder.url(unit.name).filter(|_| unit.name != "gateway") else { continue };
            let proxy = Proxy::start(&url).await?;
            let setting = format!("GATEWAY_UPSTREAMS__{}__URL", unit.name.to_uppercase());
            builder = builder.env("gateway", &setting, proxy.url(&url)?.trim_end_matches('/'));
            cables.0.insert(unit.name, proxy);
        }
        Ok((cables, builder))
    }

    /// The settings of a unit that lead its logins through the cables.
    fn logins(&self, unit: &units::Unit, sandbox: &Sandbox) -> anyhow::Result<Vec<(String, String)>> {
        let mut settings = Vec::new();
        for engine in unit.engines.iter().filter(|engine| Self::ENGINES.contains(engine)) {
            let (store, url) = match engine {
                Engine::Postgres => ("POSTGRES", sandbox.postgres(unit.name).to_owned()),
                Engine::Rabbitmq => ("AMQP", sandbox.amqp(unit.name).to_owned()),
                // Members of a set tell their own addresses, which lead past the cable.
                _ => ("MONGO", sandbox.mongo(unit.name).url.replace("replicaSet=rs0", "directConnection=true")),
            };
            let setting = format!("{}_{store}__URL", unit.name.to_uppercase());
            settings.push((setting, self.0[engine.name()].url(&url)?));
        }
        Ok(settings)
    }

    /// Makes the cable before a victim so slow; [`Pace::default`] makes it quick again.
    pub fn slow_down(&self, victim: Victim, pace: Pace) {
        if let Some(cable) = self.0.get(victim.name()) {
            cable.slow_down(pace);
        }
    }

    /// Refuses connections to a victim that is killed, as its machine would.
    pub fn pull_out(&self, victim: Victim) {
        if let Some(cable) = self.0.get(victim.name()) {
            cable.pull_out();
        }
    }

    /// Lets connections through to a victim again.
    pub fn mend(&self, victim: Victim) {
        if let Some(cable) = self.0.get(victim.name()) {
            cable.mend();
        }
    }
}
