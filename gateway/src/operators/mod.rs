//! The operators' address: breakers, metrics, health.

pub(crate) mod audit;
pub(crate) mod breakers;
pub(crate) mod events;
pub mod prober;

use crate::store::Store;
use axum::Router;
use axum::extract::FromRef;
use breaker::Registry;
pub use breakers::{BreakerView, ForceRequest, ForcedView, ReasonRequest, TransitionView};
use chassis::http::{Limits, full};
use chassis::jwt::Verifier;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
pub struct Operators {
    pub breakers: Registry,
    pub store: Store,
    pub verifier: Verifier,
    pub shutdown: CancellationToken,
}

impl FromRef<Operators> for Verifier {
    fn from_ref(operators: &Operators) -> Self {
        operators.verifier.clone()
    }
}

/// The routes of the operators' address. Metrics and health need no token, because scrapers have none.
pub fn routes(operators: Operators, context: &chassis::Context) -> Router {
    let guarded = breakers::routes().merge(events::routes()).with_state(operators);
    // The router that is merged last answers unknown addresses.
    chassis::health::routes(context.health.clone())
        .merge(chassis::metrics_route(context.metrics.clone()))
        .merge(full(guarded, &Limits::from(&context.common.http)))
}
