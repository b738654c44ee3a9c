use super::*;
use crate::config::Jwt;
use std::sync::atomic::{AtomicUsize, Ordering};

fn app() -> App {
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
    App::new("test", Context::new(Common::default(), metrics))
}

type Count = Arc<AtomicUsize>;

async fn end(context: Context) {
    context.shutdown.cancel();
    context.tasks.close();
    context.tasks.wait().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_is_done_at_once_and_in_every_period_also_after_a_failure_until_the_unit_ends() {
    let (mut app, done) = (app(), Count::default());
    let context = app.context().clone();
    app.every("test", Duration::from_secs(60), Arc::clone(&done), |done| async move {
        let before = done.fetch_add(1, Ordering::SeqCst);
        anyhow::ensure!(before != 2, "the third fails");
        Ok(())
    });
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(done.load(Ordering::SeqCst), 0, "nothing runs before the unit is built");
    app.finish(Router::new()).await.unwrap();
    // At 0, 60 and 120 s; after the failure within a second, and 60 s later again.
    tokio::time::sleep(Duration::from_secs(150)).await;
    assert_eq!(done.load(Ordering::SeqCst), 4);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(done.load(Ordering::SeqCst), 5);
    end(context).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(done.load(Ordering::SeqCst), 5);
}

/// Counts what is registered, and tells of one route.
#[derive(Default)]
struct Counting(usize, Option<Count>);

impl Part for Counting {
    async fn start(self, _: &Context) -> anyhow::Result<Mounted> {
        self.1.unwrap_or_default().store(self.0, Ordering::SeqCst);
        Ok(Mounted::default())
    }
}

#[tokio::test]
async fn a_part_is_made_once_and_started_with_all_that_was_registered() {
    let (mut app, started) = (app(), Count::default());
    app.part::<Counting>().1 = Some(Arc::clone(&started));
    for _ in 0..3 {
        app.part::<Counting>().0 += 1;
    }
    assert_eq!(started.load(Ordering::SeqCst), 0);
    app.finish(Router::new()).await.unwrap();
    assert_eq!(started.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn routes_are_mounted_with_the_verifier_that_the_finished_unit_has() {
    let (mut app, other) = (app(), Verifier::new(&Jwt { issuer: "another".to_owned(), ..Jwt::default() }));
    let (told, heard) = std::sync::mpsc::channel();
    app.mount(OpenApi::default(), move |verifier| {
        told.send(verifier).unwrap();
        Router::new()
    });
    app.verify_with(other.clone());
    app.finish(Router::new()).await.unwrap();
    assert!(heard.recv().unwrap().is(&other));
}

/// A service that adds a route of a library's, and describes it or not.
struct Adding<const DESCRIBED: bool>;

fn description() -> OpenApi {
    let operation = utoipa::openapi::path::Operation::new();
    let item = utoipa::openapi::PathItem::new(utoipa::openapi::HttpMethod::Get, operation);
    let paths = utoipa::openapi::PathsBuilder::new().path("/v1/added", item).build();
    utoipa::openapi::OpenApiBuilder::new().paths(paths).build()
}

impl<const DESCRIBED: bool> Service for Adding<DESCRIBED> {
    const NAME: &'static str = "adding";
    const BIND: &'static str = "127.0.0.1:0";
    type Config = Common;

    fn openapi() -> OpenApi {
        if DESCRIBED { description() } else { OpenApi::default() }
    }

    async fn build(_: Common, app: &mut App) -> anyhow::Result<Router> {
        app.mount(description(), |_| Router::new());
        Ok(Router::new())
    }
}

#[tokio::test]
async fn a_unit_that_serves_what_it_does_not_describe_does_not_start() {
    let context = app().context().clone();
    let served = App::serve::<Adding<true>>(Common::default(), context.clone()).await.unwrap();
    assert!(served.added.paths.paths.contains_key("/v1/added"));
    let refused = App::serve::<Adding<false>>(Common::default(), context).await;
    assert!(refused.err().unwrap().to_string().contains("/v1/added"));
}

#[tokio::test(start_paused = true)]
async fn an_engine_is_waited_for_no_longer_than_the_unit_lives_or_for_half_a_minute() {
    let context = app().context().clone();
    let began = tokio::time::Instant::now();
    let error = context.wait_for("engine", || async { anyhow::bail!("away") }).await.unwrap_err();
    assert_eq!(error.to_string(), "away");
    assert!((15..=90).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
    let ending = context.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        ending.shutdown.cancel();
    });
    let error = context.wait_for("engine", || async { anyhow::bail!("away") }).await.unwrap_err();
    assert_eq!(error.to_string(), "told to end while starting");
}
