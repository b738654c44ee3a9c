//! What led to an event is carried along: trace, request, cause.

use super::{Bench, Counted, Handling, PATIENCE, Running, counted, read_log, subscription};
use chassis::{http::RequestId, telemetry};
use kit::Engine;
use messaging::{Message, Relay};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span};
use tracing_subscriber::layer::SubscriberExt;

#[tokio::test]
async fn one_trace_and_one_request_span_everything_that_an_event_leads_to() {
    let bench = Bench::new(&[Engine::Postgres, Engine::Rabbitmq]).await;
    let db = bench.postgres().await;
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

    let enqueueing = db.clone();
    let handler = Handling(move |message: Message| {
        let db = enqueueing.clone();
        async move {
            if message.subject == "cause" {
                let mut transaction = db.begin().await?;
                transaction.enqueue(counted("effect", 1))?;
                transaction.commit().await?;
            }
            Ok(())
        }
    });
    let running = Running::start(&bench.broker, subscription(), &db, handler).await;
    let relay = Relay::new(postgres::Store::new(&db), bench.broker.publisher());
    let relay = tokio::spawn(relay.run(CancellationToken::new()));

    let request = async {
        let mut transaction = db.begin().await.unwrap();
        transaction.enqueue(counted("cause", 1)).unwrap();
        transaction.commit().await.unwrap();
        telemetry::traceparent().unwrap()
    };
    let work = RequestId::from("request-1").scope(request).instrument(info_span!("request"));
    let traceparent = tokio::time::timeout(PATIENCE, work).await.unwrap();
    let log = read_log(&bench.broker, 2).await.unwrap();
    running.stop().await;
    relay.abort();

    let [cause, effect] = [&log[0].message, &log[1].message].map(|message| message.decode::<Counted>().unwrap());
    assert_eq!(cause.traceparent.as_deref(), Some(&*traceparent));
    assert_eq!(effect.traceparent.unwrap()[..35], traceparent[..35], "the same trace, another span");
    assert_eq!((effect.causation_id, cause.causation_id), (Some(cause.id), None));
    assert_eq!([cause.correlation_id, effect.correlation_id], [Some("request-1".into()), Some("request-1".into())]);
}
