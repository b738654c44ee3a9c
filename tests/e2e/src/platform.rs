//! Vitrine, for one test.

use anyhow::{Context as _, Result};
use kit::engines::Private;
use kit::{Builder, Sandbox, Stack};

use crate::{Client, User};

/// Every unit, in the order in which they start.
const UNITS: [&str; 8] = ["auth", "shortener", "analytics", "providers", "inventory", "payments", "orders", "gateway"];

/// Upstreams that get deadlines which no busy machine exceeds, for stories that are not about deadlines.
const PATIENT: [&str; 6] = ["AUTH", "SHORTENER", "ANALYTICS", "ORDERS", "INVENTORY", "PAYMENTS"];

/// The limits of requests that an unlimited gateway does not have.
const UNLIMITED: [&str; 4] = ["ADDRESS__PER_SECOND", "ADDRESS__BURST", "USER__PER_SECOND", "USER__BURST"];

/// All units in a sandbox of their own. They end with this value.
#[derive(Debug)]
pub struct Platform {
    /// The programs. Before the sandbox: they end before their databases are dropped.
    pub stack: Stack,
    pub sandbox: Sandbox,
}

impl Platform {
    /// Starts all units, with a gateway that waits longer than the product's. When one of them does not start.
    pub async fn start() -> Result<Self> {
        Self::started(Sandbox::new().await?, &PATIENT).await
    }

    /// Starts all units, with a gateway that waits longer than the product's and takes any number of requests. When one
    /// of them does not start.
    pub async fn unlimited() -> Result<Self> {
        let sandbox = Sandbox::new().await?;
        let builder = UNLIMITED.iter().fold(patient(&sandbox, &PATIENT), |builder, limit| {
            builder.env("gateway", &format!("GATEWAY_LIMITS__{limit}"), "1000000")
        });
        let stack = builder.start(&UNITS).await?;
        Ok(Self { stack, sandbox })
    }

    /// Starts all units as they are for everybody, deadlines included. When one of them does not start.
    pub async fn strict() -> Result<Self> {
        Self::started(Sandbox::new().await?, &[]).await
    }

    /// Starts all units as they are for everybody, on engines of which some may be killed. When one of them does not
    /// start.
    pub async fn strict_on(engines: &Private) -> Result<Self> {
        Self::started(Sandbox::on(engines).await?, &[]).await
    }

    async fn started(sandbox: Sandbox, upstreams: &[&str]) -> Result<Self> {
        let stack = patient(&sandbox, upstreams).start(&UNITS).await?;
        Ok(Self { stack, sandbox })
    }

    /// Somebody without an account, at an address of their own.
    #[must_use]
    pub fn visitor(&self) -> Client {
        Client::new(self.stack.url("gateway"))
    }

    /// Somebody who has just registered. When registering fails.
    pub async fn user(&self, name: &str) -> Result<User> {
        User::register(&self.visitor(), name).await
    }

    /// The operator, logged in at the gateway. When logging in fails.
    pub async fn operator(&self) -> Result<User> {
        let operator = self.sandbox.operator();
        User::log_in(&self.visitor(), &operator.email, &operator.password).await.context("logging the operator in")
    }

    /// The same client at the operators' listener.
    #[must_use]
    pub fn operators(&self, client: &Client) -> Client {
        client.at(self.stack.operators_url())
    }

    /// All that all units have logged so far. Never: every unit is in the stack.
    pub fn logs(&self) -> Result<String> {
        let logs: Result<Vec<String>> = UNITS.iter().map(|unit| self.stack.logs(unit)).collect();
        Ok(logs?.concat())
    }
}

/// A stack whose gateway waits long for these upstreams.
fn patient<'a>(sandbox: &'a Sandbox, upstreams: &[&str]) -> Builder<'a> {
    upstreams.iter().fold(Stack::builder(sandbox), |builder, upstream| {
        let limits = ["DEADLINE_MS", "TRY_TIMEOUT_MS"].map(|limit| format!("GATEWAY_UPSTREAMS__{upstream}__{limit}"));
        limits.iter().fold(builder, |builder, limit| builder.env("gateway", limit, "20000"))
    })
}
