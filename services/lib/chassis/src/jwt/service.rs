//! Admits services, each by its own token.

use super::caller::token;
use super::{Identity, Verifier};
use crate::http::{Failure, log_fields};
use axum::extract::{FromRef, FromRequestParts};
use contracts::problem::Code;
use http::request::Parts;
use std::marker::PhantomData;

/// Which services a route admits.
///
/// ```
/// use chassis::jwt::{Admits, FromService};
///
/// struct Copies;
///
/// impl Admits for Copies {
///     const SERVICES: &'static [&'static str] = &["invoices", "shipping"];
/// }
///
/// async fn key(service: FromService<Copies>) -> String {
///     format!("{} may have it", service.name)
/// }
/// ```
pub trait Admits: Send + Sync + 'static {
    /// Their names.
    const SERVICES: &'static [&'static str];
}

/// The service that calls, by a verified token of its own. Users' tokens, operators' included, and services that the
/// route does not name are refused with [`Code::Forbidden`].
#[derive(Debug, Clone)]
pub struct FromService<A> {
    /// The service's name.
    pub name: String,
    admitted: PhantomData<fn() -> A>,
}

impl<S, A> FromRequestParts<S> for FromService<A>
where
    Verifier: FromRef<S>,
    S: Send + Sync,
    A: Admits,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let none = || Failure::new(Code::Unauthenticated, "Send the access token of a service.");
        let token = token(&parts.headers)?.ok_or_else(none)?;
        match Verifier::from_ref(state).identify(token).await? {
            Identity::User(claims) => {
                log_fields::add("user_id", claims.sub.to_string());
                Err(Failure::new(Code::Forbidden, "Only other services may call this."))
            }
            Identity::Service(claims) => {
                let name = claims.name().to_owned();
                log_fields::add("service", name.clone());
                if A::SERVICES.contains(&&*name) {
                    Ok(Self { name, admitted: PhantomData })
                } else {
                    Err(Failure::new(Code::Forbidden, format!("The service {name} may not call this.")))
                }
            }
        }
    }
}
