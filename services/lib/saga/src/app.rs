//! What sagas add to an [`App`].

use crate::{Engine, operators, prepare};
use anyhow::Context as _;
use chassis::App;
use messaging::{AppMessaging as _, Broker};
use postgres::Db;
use std::future::Future;

/// Adds sagas to an [`App`].
pub trait AppSagas {
    /// Makes the tables of sagas and the unit's engine, to which `declare` adds the kinds of sagas. With it come the
    /// consumer of replies, the sweep, and the operators' routes: [`operators::openapi`] describes them.
    fn sagas<F>(&mut self, db: &Db, broker: &Broker, declare: F) -> impl Future<Output = anyhow::Result<Engine>> + Send
    where
        F: FnOnce(Engine) -> anyhow::Result<Engine> + Send;
}

impl AppSagas for App {
    async fn sagas<F>(&mut self, db: &Db, broker: &Broker, declare: F) -> anyhow::Result<Engine>
    where
        F: FnOnce(Engine) -> anyhow::Result<Engine> + Send,
    {
        prepare(db).await.context("the sagas' tables could not be prepared")?;
        let engine = declare(Engine::new(db.clone(), self.name()))?;
        self.consume(broker, db, engine.replies());
        self.task("saga sweep", (engine.clone(), broker.clone()), |(engine, broker), end| engine.sweep(broker, end));
        let operated = engine.clone();
        self.mount(operators::openapi(), move |verifier| operators::routes(operated, verifier));
        Ok(engine)
    }
}
