//! The program of a service.

use crate::{Answer, Issuer, PATIENCE};
use kit::{Sandbox, Stack, eventually};
use sqlx::PgPool;

/// The program of a service, with databases of its own, that can die at a failpoint and be started again.
pub struct TestProgram {
    /// Signs the tokens that the program takes.
    pub issuer: Issuer,
    /// Its databases, which must be dropped after what [`start`](Self::start) gives.
    pub sandbox: Sandbox,
    unit: &'static str,
    settings: Vec<(String, String)>,
}

impl TestProgram {
    /// The program of this unit, in a sandbox of its own.
    pub async fn of(unit: &'static str) -> Self {
        Self::on(Sandbox::of(unit).await.unwrap(), unit).await
    }

    /// The program of this unit, in this sandbox.
    pub async fn on(sandbox: Sandbox, unit: &'static str) -> Self {
        chassis::jwt::crypto::install();
        let issuer = Issuer::start().await.unwrap();
        let keys = format!("{}_JWT__JWKS_URL", unit.to_uppercase());
        let settings = vec![(keys, issuer.jwks_url())];
        Self { issuer, sandbox, unit, settings }
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// Starts the program with failpoints, or with none: `""`.
    pub async fn start(&self, failpoints: &str) -> Stack {
        let builder = Stack::builder(&self.sandbox).env(self.unit, "FAILPOINTS", failpoints);
        let builder = self.settings.iter().fold(builder, |builder, (name, value)| builder.env(self.unit, name, value));
        builder.start(&[self.unit]).await.unwrap()
    }

    /// Waits until the program has died.
    pub async fn died(&self, stack: &Stack) {
        let died = async || Ok(stack.pid(self.unit).is_err().then_some(()));
        eventually(PATIENCE, "the program to die", died).await.unwrap();
    }

    /// Waits until the program has died, and starts it again without failpoints.
    pub async fn revived(&self, stack: Stack) -> Stack {
        self.died(&stack).await;
        drop(stack);
        self.start("").await
    }

    /// Waits until all these metrics are measured.
    pub async fn measures(&self, stack: &Stack, names: &[&str]) {
        let url = format!("{}/metrics", stack.url(self.unit));
        let measured = async || {
            let metrics = Answer::of(kit::http::client().get(&url)).await.text();
            let missing: Vec<_> = names.iter().filter(|name| !metrics.contains(**name)).collect();
            anyhow::ensure!(missing.is_empty(), "{missing:?} are not measured");
            Ok(Some(()))
        };
        eventually(PATIENCE, "the metrics", measured).await.unwrap();
    }

    /// Its database on Postgres.
    #[must_use]
    pub fn pool(&self) -> PgPool {
        PgPool::connect_lazy(self.sandbox.postgres(self.unit)).unwrap()
    }
}
