//! What a service is built with, and what libraries add to it.
//!
//! A service says in [`Service::build`] what it has; nothing runs yet. [`App::finish`] then starts everything in the
//! order that is right for every unit: tasks, then the [parts](Part) that libraries added, then the unit listens.
//!
//! The core knows HTTP, health and tasks. Databases, the broker and sagas add their own methods to [`App`] by extension
//! traits, so that a unit without them does not depend on them.

use crate::config::Common;
use crate::health::Health;
use crate::http::FastPath;
use crate::jwt::{TokenSource, Verifier};
use crate::tasks;
use anyhow::{Context as _, ensure};
use axum::Router;
use backon::{ExponentialBuilder, Retryable as _};
use futures::future::BoxFuture;
use garde::Validate;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::borrow::Cow;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::openapi::OpenApi;

/// For how long an engine is waited for that starts beside the unit.
const PATIENCE: Duration = Duration::from_secs(30);

/// A unit that [`run`](crate::run) can start.
pub trait Service: Sized + 'static {
    /// The unit's name, in lower case: the prefix of its environment variables.
    const NAME: &'static str;
    /// The address to listen on unless configured otherwise.
    const BIND: &'static str;
    /// The configuration's keys whose environment variables hold lists.
    const LISTS: &'static [&'static str] = &[];
    /// How long a request may take unless configured otherwise.
    const REQUEST_TIMEOUT: Duration = contracts::patience::REQUEST;
    /// Whether strangers reach its address: then it serves metrics elsewhere, by itself.
    const IS_PUBLIC: bool = false;
    /// What the unit is configured with beyond [`Common`].
    type Config: DeserializeOwned + Validate<Context = ()> + Send;

    /// The OpenAPI description of the unit's routes, with those that libraries add.
    fn openapi() -> OpenApi;

    /// Says what the unit has, and gives its routes, which get the whole stack of layers around them.
    fn build(config: Self::Config, app: &mut App) -> impl Future<Output = anyhow::Result<Router>> + Send;
}

/// What every unit is given by the process that it runs in.
#[derive(Clone)]
pub struct Context {
    /// The common configuration.
    pub common: Common,
    /// Cancelled when the unit is to end.
    pub shutdown: CancellationToken,
    /// Tasks that are waited for at the end.
    pub tasks: TaskTracker,
    /// The dependencies to be probed.
    pub health: Health,
    /// Verifies access tokens.
    pub verifier: Verifier,
    /// Renders the process's metrics.
    pub metrics: PrometheusHandle,
}

impl Context {
    /// Makes what a unit of this configuration begins with: a verifier that asks the configured issuer, and no task or
    /// dependency yet.
    #[must_use]
    pub fn new(common: Common, metrics: PrometheusHandle) -> Self {
        Self {
            verifier: Verifier::new(&common.jwt),
            common,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            health: Health::default(),
            metrics,
        }
    }

    /// Runs a background task now, restarting it when it fails: see [`tasks::supervise`].
    pub fn spawn<F, Fut>(&self, name: impl Into<Cow<'static, str>>, task: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        tasks::supervise(&self.tasks, self.shutdown.clone(), name, task);
    }

    /// Tries for 30 s to reach an engine that may be starting beside this unit.
    pub async fn wait_for<F, Fut>(&self, engine: &str, attempt: F) -> anyhow::Result<()>
    where
        F: FnMut() -> Fut + Send,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        let patient = ExponentialBuilder::default().with_jitter().with_total_delay(Some(PATIENCE)).without_max_times();
        let attempts = attempt.retry(patient).notify(|error: &anyhow::Error, _| {
            tracing::warn!(dependency.name = engine, error = format!("{error:#}"), "A dependency is not ready yet.");
        });
        tokio::select! {
            outcome = attempts => outcome,
            () = self.shutdown.cancelled() => anyhow::bail!("told to end while starting"),
        }
    }
}

/// What is done when a unit is built.
type Later<T> = Box<dyn FnOnce(&Context) -> T + Send>;

/// A unit while it is built.
pub struct App {
    name: &'static str,
    context: Context,
    tasks: Vec<Later<()>>,
    parts: Vec<Box<dyn AnyPart>>,
    mounts: Vec<Later<Mounted>>,
    bare: Router,
    fast_path: Option<Arc<dyn FastPath>>,
    listeners: Vec<(SocketAddr, Router)>,
}

/// What a unit serves.
#[derive(Default)]
pub struct Served {
    /// Routes with the whole stack around them.
    pub router: Router,
    /// Routes that must be fast: see [`crate::http::bare`].
    pub bare: Router,
    /// What answers before any route is looked up: see [`FastPath`].
    pub fast_path: Option<Arc<dyn FastPath>>,
    /// Further addresses, each with its routes; the routes bring their own layers.
    pub listeners: Vec<(SocketAddr, Router)>,
    /// The routes of `router` that libraries added.
    pub added: OpenApi,
}

/// Routes that a library adds to a unit, and their description.
#[derive(Default)]
pub struct Mounted {
    /// The routes.
    pub router: Router,
    /// Their description, which [`Service::openapi`] must hold, too.
    pub openapi: OpenApi,
}

/// What a library keeps for a unit while it is built: there is one of each type.
pub trait Part: Default + Send + 'static {
    /// Starts what was registered. The unit listens only when this has returned, so it must not wait for ever for
    /// anything that the unit can do without.
    fn start(self, context: &Context) -> impl Future<Output = anyhow::Result<Mounted>> + Send;
}

/// A [`Part`] of any type.
trait AnyPart: Any + Send {
    fn start<'a>(self: Box<Self>, context: &'a Context) -> BoxFuture<'a, anyhow::Result<Mounted>>;
}

impl<P: Part> AnyPart for P {
    fn start<'a>(self: Box<Self>, context: &'a Context) -> BoxFuture<'a, anyhow::Result<Mounted>> {
        Box::pin(Part::start(*self, context))
    }
}

impl App {
    /// Begins to build the unit with this name.
    #[must_use]
    pub fn new(name: &'static str, context: Context) -> Self {
        Self {
            name,
            context,
            tasks: Vec::new(),
            parts: Vec::new(),
            mounts: Vec::new(),
            bare: Router::new(),
            fast_path: None,
            listeners: Vec::new(),
        }
    }

    /// Builds a service and starts it. What is left is to listen.
    ///
    /// # Errors
    /// Fails when the service cannot be built (nothing of it runs then), or serves what it does not describe.
    pub async fn serve<S: Service>(config: S::Config, context: Context) -> anyhow::Result<Served> {
        let mut app = Self::new(S::NAME, context);
        let router = S::build(config, &mut app).await?;
        let served = app.finish(router).await?;
        let described = S::openapi().paths.paths;
        for path in served.added.paths.paths.keys() {
            ensure!(described.contains_key(path), "{path} is served, but the unit's OpenAPI description lacks it");
        }
        Ok(served)
    }

    /// The unit's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the process gives to the unit.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Verifies access tokens.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        self.context.verifier.clone()
    }

    /// Gets access tokens for the unit's calls to other services.
    ///
    /// # Errors
    /// Fails when `identity.secret` is not configured.
    pub fn token_source(&self) -> anyhow::Result<TokenSource> {
        let identity = self.context.common.identity.clone();
        Ok(TokenSource::new(self.name, identity.context("identity.secret is missing: the unit calls other services")?))
    }

    /// Cancelled when the unit is to end.
    #[must_use]
    pub fn shutdown(&self) -> CancellationToken {
        self.context.shutdown.clone()
    }

    /// Verifies tokens in another way than by asking the issuer over HTTP, on all routes.
    pub fn verify_with(&mut self, verifier: Verifier) {
        self.context.verifier = verifier;
    }

    /// Adds a dependency without which the unit is not ready. `ask` gets a clone of `dependency`.
    pub fn needs<T, F, Fut>(&mut self, name: &'static str, dependency: &T, ask: F)
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let dependency = dependency.clone();
        self.context.health.add(name, true, move || ask(dependency.clone()));
    }

    /// Adds a dependency without which the unit is degraded, but works. `ask` gets a clone of `dependency`.
    pub fn uses<T, F, Fut>(&mut self, name: &'static str, dependency: &T, ask: F)
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let dependency = dependency.clone();
        self.context.health.add(name, false, move || ask(dependency.clone()));
    }

    /// Adds a background task that finishes what it has begun when the unit ends: `run` gets a clone of `worker`, and a
    /// token that is cancelled then. It is restarted when it fails.
    pub fn task<T, F, Fut>(&mut self, name: impl Into<Cow<'static, str>>, worker: T, run: F)
    where
        T: Clone + Send + 'static,
        F: Fn(T, CancellationToken) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let name = name.into();
        self.tasks.push(Box::new(move |context| {
            let shutdown = context.shutdown.clone();
            context.spawn(name, move || run(worker.clone(), shutdown.clone()));
        }));
    }

    /// Adds a background task that may be cut off anywhere: it is dropped when the unit ends. `run` gets a clone of
    /// `worker`. It is restarted when it fails.
    pub fn background<T, F, Fut>(&mut self, name: &'static str, worker: T, run: F)
    where
        T: Clone + Send + 'static,
        F: Fn(T) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.task(name, worker, move |worker, shutdown| {
            let work = run(worker);
            async move { shutdown.run_until_cancelled(work).await.unwrap_or(Ok(())) }
        });
    }

    /// Adds a job that is done at once, and again in every `period`: `job` gets a clone of `worker`. What has begun is
    /// finished when the unit ends; after a failure it is tried again.
    pub fn every<T, F, Fut, E>(&mut self, name: &'static str, period: Duration, worker: T, job: F)
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send,
        E: Into<anyhow::Error> + Send,
    {
        self.task(name, worker, move |worker, shutdown| {
            let job = job.clone();
            async move {
                let mut ticks = interval(period);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
                    job(worker.clone()).await.map_err(Into::into)?;
                }
                Ok(())
            }
        });
    }

    /// Adds routes that must be fast, with as little around them as can be: see [`crate::http::bare`].
    pub fn bare(&mut self, routes: Router) {
        self.bare = std::mem::take(&mut self.bare).merge(routes);
    }

    /// Sets what answers before any route is looked up.
    pub fn fast_path(&mut self, fast_path: Arc<dyn FastPath>) {
        self.fast_path = Some(fast_path);
    }

    /// Adds an address with routes of its own, which bring their own layers.
    pub fn listener(&mut self, address: SocketAddr, routes: Router) {
        self.listeners.push((address, routes));
    }

    /// Adds a library's routes, which `routes` makes with the verifier of the finished unit.
    pub fn mount(&mut self, openapi: OpenApi, routes: impl FnOnce(Verifier) -> Router + Send + 'static) {
        self.mounts.push(Box::new(|context| Mounted { router: routes(context.verifier.clone()), openapi }));
    }

    /// The part of this type, which is made when it is first asked for.
    pub fn part<P: Part>(&mut self) -> &mut P {
        let known = self.parts.iter().position(|part| (&**part as &dyn Any).is::<P>());
        let at = known.unwrap_or_else(|| {
            self.parts.push(Box::new(P::default()));
            self.parts.len() - 1
        });
        let part: &mut dyn Any = &mut *self.parts[at];
        part.downcast_mut().expect("it was looked up by its type")
    }

    /// Starts what was registered: tasks first, then the parts in the order in which they were first asked for. What
    /// is left is to listen.
    pub async fn finish(self, router: Router) -> anyhow::Result<Served> {
        let Self { context, tasks, parts, mounts, bare, fast_path, listeners, .. } = self;
        tasks.into_iter().for_each(|start| start(&context));
        let mut mounted: Vec<_> = mounts.into_iter().map(|mount| mount(&context)).collect();
        for part in parts {
            mounted.push(part.start(&context).await?);
        }
        let mut served = Served { router, bare, fast_path, listeners, added: OpenApi::default() };
        for Mounted { router, openapi } in mounted {
            served.router = served.router.merge(router);
            served.added.merge(openapi);
        }
        Ok(served)
    }
}

#[cfg(test)]
mod tests;
