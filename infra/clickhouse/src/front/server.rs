//! The HTTP server: checks the login, creates and drops databases, and forwards the rest to the database's engine.

use super::access::{Access, Caller};
use super::admin::Command;
use super::credentials::Credentials;
use super::engines::Engines;
use super::options::Options;
use super::proxy;
use crate::failure::Failure;
use crate::request::Parts;
use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::StatusCode;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

struct Front {
    access: Access,
    engines: Engines,
    max_body: usize,
}

/// Serves until `shutdown` is done, then lets requests finish and stops the engines.
///
/// `started` is told the address, whose port may have been chosen by the system.
pub async fn serve(
    options: &Options,
    started: impl FnOnce(std::net::SocketAddr),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let library = &options.limits.library;
    anyhow::ensure!(
        library.is_file(),
        "{} is missing: it is package/libchdb.so in `npm pack @chdb/lib-linux-x64-gnu@26.7.3-stable.1`",
        library.display()
    );
    std::fs::create_dir_all(&options.data).with_context(|| format!("creating {}", options.data.display()))?;
    let folder = options.data.canonicalize()?;
    let lock = std::fs::File::create(folder.join("lock")).context("opening the lock of the folder")?;
    lock.try_lock().with_context(|| format!("another adapter uses {}", folder.display()))?;
    let mut limits = options.limits.clone();
    limits.library = library.canonicalize()?;
    let front = Arc::new(Front {
        engines: Engines::new(limits, &folder)?,
        access: Access::open(folder, options.password.clone())?,
        max_body: options.limits.max_body,
    });
    let listener = TcpListener::bind(options.bind).await.with_context(|| format!("binding {}", options.bind))?;
    started(listener.local_addr()?);
    let idle = tokio::spawn(watch_idle(Arc::clone(&front), Duration::from_secs(options.idle_seconds)));
    let routes = Router::new().route("/", any(answer)).route("/ping", get(async || "Ok.\n")).fallback(nowhere);
    let served = axum::serve(listener, routes.with_state(Arc::clone(&front))).with_graceful_shutdown(shutdown).await;
    idle.abort();
    front.engines.stop_all().await;
    served.context("serving")
}

async fn watch_idle(front: Arc<Front>, idle: Duration) {
    let mut clock = tokio::time::interval((idle / 4).max(Duration::from_secs(1)));
    loop {
        clock.tick().await;
        front.engines.stop_idle(idle).await;
    }
}

async fn nowhere(request: Request) -> Response {
    (StatusCode::NOT_FOUND, format!("There is no handle {}\n", request.uri().path())).into_response()
}

async fn answer(State(front): State<Arc<Front>>, request: Request) -> Response {
    front.run(request).await.unwrap_or_else(IntoResponse::into_response)
}

impl Front {
    async fn run(&self, request: Request) -> Result<Response, Failure> {
        let parts = Parts::of_url(request.uri().query());
        let caller = self.access.check(&Credentials::of(request.headers(), &parts))?;
        let named = parts.get("database").or_else(|| request.headers().get("x-clickhouse-database")?.to_str().ok());
        let database = named.unwrap_or_else(|| caller.home()).to_owned();
        // With a query in the URL the body is data, and passes through without being looked at.
        let (request, sql) = match parts.get("query") {
            Some(query) => (request, query.as_bytes().to_vec()),
            None => self.peek(request).await?,
        };
        if let Some(command) = Command::read(&sql) {
            return self.carry_out(&caller, command).await;
        }
        if !caller.reaches(&database) {
            return Err(denied(&caller, &database));
        }
        let folder = self.access.database(&database)?;
        proxy::forward(&self.engines, &database, &folder, request).await
    }

    /// Reads the body and puts it back. Only its beginning matters here, but it may come in any pieces.
    async fn peek(&self, request: Request) -> Result<(Request, Vec<u8>), Failure> {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, self.max_body).await;
        let body = body.map_err(|error| Failure::too_large(format!("The body cannot be read: {error}")))?;
        let mut parts = Parts::default();
        let text = parts.absorb_form(&head.headers, body.clone())?;
        let sql = parts.get("query").map_or(&text[..], str::as_bytes);
        let sql = sql[..sql.len().min(4096)].to_vec();
        Ok((Request::from_parts(head, Body::from(body)), sql))
    }

    async fn carry_out(&self, caller: &Caller, command: Command) -> Result<Response, Failure> {
        let reaches = |name: &str| if caller.reaches(name) { Ok(()) } else { Err(denied(caller, name)) };
        match command {
            Command::Show => {
                let names = self.access.databases()?.into_iter().filter(|name| caller.reaches(name));
                return Ok(names.map(|name| name + "\n").collect::<String>().into_response());
            }
            Command::Create { name, lenient } => {
                reaches(&name)?;
                if !self.access.create_database(&name)? && !lenient {
                    return Err(Failure::database_exists(format!("Database {name} already exists")));
                }
            }
            Command::Drop { name, lenient } => {
                reaches(&name)?;
                match self.access.database(&name) {
                    Ok(_) => self.engines.discard(&name, || self.access.drop_database(&name)).await?,
                    Err(failure) if lenient && failure.code == 81 => {}
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(().into_response())
    }
}

fn denied(caller: &Caller, database: &str) -> Failure {
    Failure::access_denied(format!("{}: Not enough privileges on {database}", caller.name))
}
