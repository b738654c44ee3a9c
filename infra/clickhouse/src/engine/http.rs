//! The engine's side of HTTP: reads a request, has it run, and streams the answer.

use super::chdb::Progress;
use super::options::Options;
use super::pool::Pool;
use super::run::{Event, Job};
use super::session::Sessions;
use crate::failure::Failure;
use crate::request::Parts;
use crate::statement::Statement;
use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderName, HeaderValue, header};
use rand::distr::{Alphanumeric, SampleString as _};
use std::convert::Infallible;
use std::fs::File;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

struct Engine {
    pool: Pool,
    max_body: usize,
}

/// Runs an engine until its standard input ends, which is how the front tells it to stop, or dies itself.
pub async fn serve(options: &Options) -> Result<()> {
    // Waits for an engine that is on its way out: two on one folder would be one too many.
    let lock = File::create(options.data.join("lock")).context("opening the lock of the folder")?;
    lock.lock().context("locking the folder")?;
    let sessions = Arc::new(Sessions::start(options)?);
    let engine = Arc::new(Engine { pool: Pool::start(&sessions, &options.limits)?, max_body: options.limits.max_body });
    let listener =
        UnixListener::bind(&options.socket).with_context(|| format!("binding {}", options.socket.display()))?;
    let router = Router::new().fallback(answer).with_state(Arc::clone(&engine));
    axum::serve(listener, router).with_graceful_shutdown(end_of_input()).await?;
    if let Some(engine) = Arc::into_inner(engine) {
        engine.pool.finish();
    }
    let stopped = sessions.stop();
    tracing::info!(database = options.database, stopped, "The engine stops.");
    Ok(())
}

/// Ends with the standard input, which a thread of its own waits for.
async fn end_of_input() {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let _read = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _gone = ended.send(());
    });
    let _gone = end.await;
}

async fn answer(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    match run(&engine, request).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn run(engine: &Engine, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, engine.max_body).await;
    let body = body.map_err(|error| Failure::too_large(format!("The body cannot be read: {error}")))?;
    let mut parts = Parts::of_url(head.uri.query());
    let body = parts.absorb_form(&head.headers, body)?;
    let from_header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let default_format =
        parts.get("default_format").or_else(|| from_header("x-clickhouse-format")).unwrap_or("TabSeparated");
    let query_id = parts.get("query_id").map_or_else(|| random(32), str::to_owned);
    let mut settings = parts.settings()?;
    if !settings.iter().any(|(name, _)| name == "log_comment") {
        // The library makes query ids of its own; this is where the given one can be found.
        settings.push(("log_comment".into(), query_id.clone()));
    }
    let (events, mut happened) = mpsc::channel(4);
    engine.pool.submit(Job {
        statement: Statement::read(parts.get("query"), &body)?,
        default_format: default_format.to_owned(),
        parameters: parts.parameters(),
        settings,
        whole: parts.get("wait_end_of_query").is_some_and(|value| value != "0"),
        events,
    })?;
    match happened.recv().await {
        Some(Event::Begin { format, progress }) => Ok(begin(&query_id, &format, progress, happened)),
        Some(Event::Failed(failure)) => Err(failure),
        Some(Event::Data(_)) | None => Err(Failure::internal("The statement ended without an answer")),
    }
}

fn begin(query_id: &str, format: &str, progress: Progress, events: mpsc::Receiver<Event>) -> Response {
    let tag = random(16);
    let frame_tag = tag.clone();
    let chunks = ReceiverStream::new(events).map(move |event| {
        Ok::<_, Infallible>(match event {
            Event::Data(bytes) => bytes,
            Event::Failed(failure) => exception(&frame_tag, &failure),
            Event::Begin { .. } => Bytes::new(),
        })
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put(header::CONTENT_TYPE.as_str(), content_type(format));
    put("x-clickhouse-query-id", query_id);
    put("x-clickhouse-format", format);
    put("x-clickhouse-exception-tag", &tag);
    put("x-clickhouse-summary", &summary(progress));
    response
}

/// How a failure in the middle of a result is told, since ClickHouse 25.11.
fn exception(tag: &str, failure: &Failure) -> Bytes {
    let (text, length) = (&failure.text, failure.text.len() + 1);
    Bytes::from(format!("\r\n__exception__\r\n{tag}\r\n{text}\n{length} {tag}\r\n__exception__\r\n"))
}

fn summary(progress: Progress) -> String {
    let Progress { read_rows, read_bytes, written_rows, written_bytes, result_rows } = progress;
    format!(
        r#"{{"read_rows":"{read_rows}","read_bytes":"{read_bytes}","written_rows":"{written_rows}","written_bytes":"{written_bytes}","result_rows":"{result_rows}"}}"#
    )
}

fn content_type(format: &str) -> &'static str {
    match format {
        "JSONEachRow" | "JSONLines" | "NDJSON" => "application/x-ndjson; charset=UTF-8",
        _ if format.starts_with("JSON") => "application/json; charset=UTF-8",
        _ if format.starts_with("CSV") => "text/csv; charset=UTF-8",
        _ if format.starts_with("TSV") || format.starts_with("TabSeparated") => {
            "text/tab-separated-values; charset=UTF-8"
        }
        _ if format.starts_with("Pretty") => "text/plain; charset=UTF-8",
        _ => "application/octet-stream",
    }
}

fn random(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}
