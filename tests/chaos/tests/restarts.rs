//! A rolling restart: every unit is stopped (SIGTERM) and started again under load, and no request fails.

use anyhow::ensure;
use chaos::probes::{Probes, World};
use harness::Issuer;
use kit::{Sandbox, Stack, eventually};
use std::{sync::Arc, time::Duration};

const UNITS: [&str; 8] = ["auth", "shortener", "analytics", "providers", "inventory", "payments", "orders", "gateway"];
/// The upstreams whose deadlines are stretched: a busy machine may start a unit more slowly than the product's last.
const PATIENT: [&str; 6] = ["AUTH", "SHORTENER", "ANALYTICS", "ORDERS", "INVENTORY", "PAYMENTS"];
/// How many requests of each kind end between two restarts.
const ASKED: u64 = 3;
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_every_unit_is_restarted() -> anyhow::Result<()> {
    let sandbox = Sandbox::new().await?;
    let issuer = Issuer::start().await?;
    let builder = UNITS.into_iter().filter(|unit| *unit != "auth").fold(Stack::builder(&sandbox), |builder, unit| {
        builder.env(unit, &format!("{}_JWT__JWKS_URL", unit.to_uppercase()), issuer.jwks_url())
    });
    let builder = PATIENT.into_iter().fold(builder, |builder, upstream| {
        let deadline = format!("GATEWAY_UPSTREAMS__{upstream}__DEADLINE_MS");
        let limit = format!("GATEWAY_UPSTREAMS__{upstream}__TRY_TIMEOUT_MS");
        builder.env("gateway", &deadline, "20000").env("gateway", &limit, "20000")
    });
    let stack = builder.start(&UNITS).await?;
    let (world, _shop) = World::open(&stack, &sandbox, &issuer).await?;
    let probes = Probes::start(&Arc::new(world));
    for unit in UNITS {
        let asked = async || Ok(probes.have_asked(ASKED).then_some(()));
        eventually(LIMIT, "clients to ask", asked).await?;
        stack.restart(unit).await?;
        let tallies = probes.take();
        let failed: Vec<_> = tallies.iter().filter(|(_, tally)| !tally.others.is_empty()).collect();
        ensure!(failed.is_empty(), "the restart of {unit}: {failed:?}");
    }
    let failed: Vec<_> = probes.stop().await.into_iter().filter(|(_, tally)| !tally.others.is_empty()).collect();
    ensure!(failed.is_empty(), "after the restarts: {failed:?}");
    Ok(())
}
