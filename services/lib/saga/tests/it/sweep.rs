//! What the sweep cannot move.

use crate::{
    checkout::{Checkout, RESERVE},
    participants::Mood,
    world::{PATIENCE, World},
};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::time::Duration;

/// As many as are claimed at a time, of a kind that nobody knows, overdue for five minutes.
const STUCK: &str = "
    INSERT INTO sagas (id, kind, subject, status, due_at, deadline, data, version, started_at, updated_at)
    SELECT gen_random_uuid(), 'gone', 'x', 'running', now() - interval '5 minutes', now(), '{}', 1, now(), now()
    FROM generate_series(1, 64)";

#[tokio::test]
async fn what_cannot_be_moved_stays_overdue_and_keeps_the_sweep_from_nothing_behind_it() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let mut world = World::asleep(Checkout { timeout: Duration::from_secs(2), ..Checkout::default() }).await;
    world.participants.take(RESERVE, Mood::Holds);
    let id = world.place().await;
    sqlx::query(STUCK).execute(&world.pool).await.unwrap();
    world.wake().await;
    world.until_waits_for(id, RESERVE, 2).await;
    let counted = kit::eventually(PATIENCE, "the sagas to be counted", async || {
        let metrics = recorder.handle().render();
        let overdue = metrics.lines().find_map(|line| line.strip_prefix("sagas_overdue_seconds "));
        Ok(overdue.map(str::parse::<f64>).transpose()?)
    });
    let overdue = counted.await.unwrap();
    assert!(overdue >= 300.0, "{overdue}");
    let left_alone = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM sagas WHERE not_before > due_at");
    assert_eq!(left_alone.fetch_one(&world.pool).await.unwrap(), 64);
}
