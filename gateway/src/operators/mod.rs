//! The operators' address: breakers, metrics, health.

pub(crate) mod audit;
pub(crate) mod breakers;
pub(crate) mod events;
pub mod prober;

use axum::Router;
use axum::extract::FromRef;
use breaker::Registry;
use chassis::http::{Limits, full};
use chassis::jwt::Verifier;
use tokio_util::sync::CancellationToken;

use crate::store::Store;
pub use breakers::{BreakerView, ForceRequest, ForcedView, ReasonRequest, TransitionView};

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

/// Everything that the operators' address serves. Metrics and health are open: who scrapes them has no token.
pub fn routes(operators: Operators, context: &chassis::Context) -> Router {
    let guarded = breakers::routes().merge(events::routes()).with_state(operators);
    // What is at no address of theirs is answered by the router that is merged last: with a problem.
    chassis::health::routes(context.health.clone())
        .merge(chassis::metrics_route(context.metrics.clone()))
        .merge(full(guarded, &Limits::from(&context.common.http)))
}
