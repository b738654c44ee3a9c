//! The event store of orders: appending, and loading long histories with and without a snapshot.

use crate::report::{figure, median, title};
use anyhow::Context as _;
use chrono::{SubsecRound as _, Utc};
use contracts::{
    event::orders::OrderItem,
    money::{Currency, Money},
};
use kit::{Engine, Sandbox, Stack, engines::Private};
use orders::{
    domain::order::{Event, Placed, Stored, current_schema},
    store::events::{SNAPSHOT_EVERY, append, keep, load},
};
use sqlx::PgConnection;
use std::time::Instant;
use uuid::Uuid;

const LENGTHS: [u64; 3] = [10, 1_000, 100_000];
/// Events of one append while histories are made.
const CHUNK: usize = 1_000;
/// Appends that are timed one by one.
const APPENDS: u64 = 500;
const LOADS: usize = 9;

pub(crate) async fn run() -> anyhow::Result<()> {
    title("Event store of orders: append, and load by the number of events");
    let engines = Private::durable(&[Engine::Postgres]).await?;
    let sandbox = Sandbox::on(&engines).await?;
    // Makes the tables; the bench has them to itself afterwards.
    Stack::start(&sandbox, &["orders"]).await?;
    // As the service connects: statements are planned once.
    let settings = chassis::config::Postgres { url: sandbox.postgres("orders").into(), max_connections: 1 };
    let mut connection = postgres::pool(&settings, 1)?.acquire().await?;
    appends(&mut connection).await?;
    for length in LENGTHS {
        let order = history(&mut connection, length).await?;
        let without = timed(&mut connection, order, length).await?;
        figure(&format!("load {length} events"), format!("{without:.2} ms"));
        // As the service keeps one after every hundredth event.
        let kept = length - length % SNAPSHOT_EVERY;
        if kept > 0 {
            snapshot(&mut connection, order, kept).await?;
            let with = timed(&mut connection, order, length).await?;
            figure(&format!("load {length} events, snapshot at {kept}"), format!("{with:.2} ms"));
            figure("  ratio", format!("{:.0}", without / with));
        }
    }
    Ok(())
}

/// Appends one event at a time, each a commit, beside commits of one row elsewhere.
async fn appends(connection: &mut PgConnection) -> anyhow::Result<()> {
    let order = Uuid::now_v7();
    let events = events(order, APPENDS)?;
    let began = Instant::now();
    for event in &events {
        append(connection, &[(order, event)], &[], &[]).await?;
    }
    let ours = began.elapsed().as_secs_f64();
    sqlx::query("CREATE TABLE bench (id bigserial PRIMARY KEY, note text NOT NULL)").execute(&mut *connection).await?;
    let began = Instant::now();
    for event in &events {
        let insert = sqlx::query("INSERT INTO bench (note) VALUES ($1)").bind(event.data.to_string());
        insert.execute(&mut *connection).await?;
    }
    let bare = began.elapsed().as_secs_f64();
    figure("append, one writer: events/s", format!("{:.0}", APPENDS as f64 / ours));
    figure("a bare insert, one writer: rows/s", format!("{:.0}", APPENDS as f64 / bare));
    figure("  ratio", format!("{:.2}", bare / ours));
    Ok(())
}

/// A new order with so many events.
async fn history(connection: &mut PgConnection, length: u64) -> anyhow::Result<Uuid> {
    let order = Uuid::now_v7();
    for chunk in events(order, length)?.chunks(CHUNK) {
        append(connection, &chunk.iter().map(|event| (order, event)).collect::<Vec<_>>(), &[], &[]).await?;
    }
    sqlx::query("ANALYZE order_events").execute(connection).await?;
    Ok(order)
}

/// Keeps the state that the order had at a version.
async fn snapshot(connection: &mut PgConnection, order: Uuid, version: u64) -> anyhow::Result<()> {
    let at = sqlx::query_scalar("SELECT at FROM order_events WHERE order_id = $1 AND version = $2")
        .bind(order)
        .bind(i64::try_from(version)?)
        .fetch_one(&mut *connection)
        .await?;
    let state = load(connection, order, Some(at)).await?.context("no state at that moment")?;
    anyhow::ensure!(state.version == version, "the state is of version {}", state.version);
    Ok(keep(connection, &state).await?)
}

/// The median time of a load, in milliseconds.
async fn timed(connection: &mut PgConnection, order: Uuid, length: u64) -> anyhow::Result<f64> {
    let mut took = Vec::with_capacity(LOADS);
    for _ in 0..LOADS {
        let began = Instant::now();
        let state = load(connection, order, None).await?.context("the order is gone")?;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
        anyhow::ensure!(state.version == length, "the state is of version {}", state.version);
    }
    Ok(median(&took))
}

/// What happens to an order that is shipped, and whose carrier's number is corrected again and again.
fn events(order: Uuid, count: u64) -> anyhow::Result<Vec<Stored>> {
    let price = Money::new(1_990, Currency::BRL);
    let item = OrderItem {
        inventory_product_id: Uuid::now_v7(),
        name: "Caneca".to_owned(),
        quantity: 1,
        unit_price: price,
        total: price,
    };
    let placed = Placed {
        order_id: order,
        customer_id: Uuid::now_v7(),
        auth_user_id: Uuid::now_v7(),
        items: vec![item],
        total: price,
        payment_method_id: Uuid::now_v7(),
        shortener_short_code: None,
    };
    let first = [
        Event::Placed(placed),
        Event::Confirmed { payments_payment_id: Uuid::now_v7() },
        Event::Shipped { tracking_number: None },
    ];
    let corrections = (0..).map(|number: u64| Event::TrackingCorrected { tracking_number: format!("BR{number:09}") });
    // A moment of its own for each: a state at a moment is made of the events until then.
    let begin = Utc::now().trunc_subsecs(6);
    let stored = (1..=count).zip(first.into_iter().chain(corrections)).map(|(version, event)| {
        anyhow::Ok(Stored {
            version,
            kind: event.kind().to_owned(),
            schema: current_schema(event.kind()),
            data: event.data()?,
            at: begin + chrono::TimeDelta::microseconds(i64::try_from(version)?),
            causation_id: None,
            correlation_id: None,
        })
    });
    stored.collect()
}
