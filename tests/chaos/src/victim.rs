//! What is killed, or hangs.

use kit::{Engine, Stack, engines::Private};

/// A process of the platform, or an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// A process of the platform.
    Unit(&'static str),
    /// An engine of the test's own.
    Engine(Engine),
}

impl Victim {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unit(unit) => unit,
            Self::Engine(engine) => engine.name(),
        }
    }

    /// Kills it (`kill -9`). Fails when it is not there, or does not go.
    pub async fn kill(self, stack: &Stack, engines: &Private) -> anyhow::Result<()> {
        match self {
            Self::Unit(unit) => stack.kill9(unit).await,
            Self::Engine(engine) => engines.kill9(engine).await,
        }
    }

    /// Starts it again. Fails when it does not come up.
    pub async fn revive(self, stack: &Stack, engines: &Private) -> anyhow::Result<()> {
        match self {
            Self::Unit(unit) => stack.restart(unit).await,
            Self::Engine(engine) => engines.start_again(engine).await,
        }
    }

    /// Halts it: it takes connections and answers nothing. Fails when it is not there.
    pub fn pause(self, stack: &Stack, engines: &Private) -> anyhow::Result<()> {
        match self {
            Self::Unit(unit) => stack.pause(unit),
            Self::Engine(engine) => engines.pause(engine),
        }
    }

    /// Lets it go on. Fails when it is not there.
    pub fn resume(self, stack: &Stack, engines: &Private) -> anyhow::Result<()> {
        match self {
            Self::Unit(unit) => stack.resume(unit),
            Self::Engine(engine) => engines.resume(engine),
        }
    }
}
