//! The routes of the payment provider.

mod charges;
mod disturb;
mod faults;
mod guard;

use crate::faults::Faults;
use crate::ledger::Ledger;
use crate::webhooks::Webhooks;
use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use guard::Secret;
use secrecy::SecretString;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The largest body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// What handlers work with.
#[derive(Clone)]
pub struct State {
    secret: Secret,
    ledger: Ledger,
    faults: Faults,
    webhooks: Webhooks,
}

impl State {
    /// Puts together what handlers work with.
    #[must_use]
    pub fn new(secret: &SecretString, ledger: Ledger, faults: Faults, webhooks: Webhooks) -> Self {
        Self { secret: Secret::new(secret), ledger, faults, webhooks }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "providers", description = "A payment provider with faults that can be switched on."),
    modifiers(&Bearer),
)]
struct Description;

/// Describes the `Authorization: Bearer` header.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        openapi.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The routes. They bring what they need: nothing around them may cut off a request that is to hang.
pub fn routes(state: State) -> Router {
    let secret = state.secret.clone();
    let (router, _) = described().with_state(state).split_for_parts();
    // Faults strike only who may call at all.
    router.layer(middleware::from_fn_with_state(secret, guard::guard)).layer(DefaultBodyLimit::max(BODY_LIMIT))
}

/// Their description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(charges::charge, charges::find_charge))
        .routes(routes!(charges::refund))
        .routes(routes!(charges::find_refund))
        .routes(routes!(charges::everything))
        .routes(routes!(faults::list, faults::replace, faults::clear))
}
