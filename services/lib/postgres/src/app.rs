//! What a Postgres database adds to an [`App`].

use crate::{Db, Store, pool, schema};
use anyhow::Context as _;
use chassis::App;
use chassis::config::Postgres;
use messaging::AppMessaging as _;
use sqlx::migrate::Migrator;
use std::time::Duration;

/// Migrations take the time that they need, also while another process runs them.
const UNLIMITED: Duration = Duration::ZERO;

/// Adds a Postgres database to an [`App`].
pub trait AppPostgres {
    /// Connects to the unit's database, migrates it, and makes the tables of messaging. With it come its probe, the
    /// relay of its outbox, and the upkeep of its inbox.
    fn postgres(
        &mut self,
        settings: &Postgres,
        migrations: &Migrator,
    ) -> impl Future<Output = anyhow::Result<Db>> + Send;

    /// Like [`postgres`](Self::postgres), and gives up to `workers` connections more for what works in the background,
    /// as relay and upkeep do: a rush of requests then leaves them theirs, and the other way round.
    fn postgres_with_workers(
        &mut self,
        settings: &Postgres,
        migrations: &Migrator,
        workers: u32,
    ) -> impl Future<Output = anyhow::Result<(Db, Db)>> + Send;
}

impl AppPostgres for App {
    async fn postgres(&mut self, settings: &Postgres, migrations: &Migrator) -> anyhow::Result<Db> {
        let db = open(settings, migrations).await?;
        add(self, &db, &db);
        Ok(db)
    }

    async fn postgres_with_workers(
        &mut self,
        settings: &Postgres,
        migrations: &Migrator,
        workers: u32,
    ) -> anyhow::Result<(Db, Db)> {
        let db = open(settings, migrations).await?;
        let workers = db.over(pool::pool(settings, workers)?);
        add(self, &db, &workers);
        measure(self, &workers, "workers");
        Ok((db, workers))
    }
}

/// Connects, migrates, and makes the tables of messaging.
async fn open(settings: &Postgres, migrations: &Migrator) -> anyhow::Result<Db> {
    let patient = pool::connect(settings, 1, UNLIMITED)?;
    patient.acquire().await.context("the database cannot be reached")?;
    migrations.run(&patient).await.context("the database could not be migrated")?;
    patient.close().await;
    let pool = pool::pool(settings, settings.max_connections)?;
    schema::prepare(&pool).await.context("the messaging tables could not be prepared")?;
    Ok(Db::from(pool))
}

/// Adds what belongs to every database.
fn add(app: &mut App, db: &Db, workers: &Db) {
    app.needs("postgres", db, |db| async move { Ok(sqlx::query("SELECT 1").execute(db.pool()).await.map(drop)?) });
    app.every("inbox upkeep", Duration::from_hours(1), workers.pool().clone(), |pool| async move {
        schema::keep_up(&pool).await
    });
    app.relay(Store::new(workers));
    measure(app, db, "requests");
}

/// Shows the state of a pool every five seconds.
fn measure(app: &mut App, db: &Db, pool: &'static str) {
    app.every("pool metrics", Duration::from_secs(5), db.clone(), move |db| async move {
        db.measure(pool);
        anyhow::Ok(())
    });
}
